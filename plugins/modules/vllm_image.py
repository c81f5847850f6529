# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: vllm_image - one image is on the host, it is the expected one, and its vLLM version is known."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_image
short_description: Bring a container image to the host, and tell which vLLM is in it
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings an image from its registry, through a mirror, from an archive of C(docker save), or from another host that
    shares it, see M(gpt_oss.fleet.vllm_image_share). So it can be there hours before a server is swapped.
  - What came is compared with what was expected. An image that is another one is refused, and all names are as they
    were before.
  - Archives and transfers are streamed into the engine. Nothing is kept in memory or in a temporary file of the module.
    The engine itself lays an archive out beside the layers that it makes of it.
  - An action plugin of the same name shows how far the image has come, as the variable C(gpt_oss_progress) wants it
    (see M(gpt_oss.fleet.vllm_container)). A process on the host brings it, so that the controller may go away
    meanwhile; the next run attaches to it.
  - Reads the version of vLLM inside the image, in a container without network, GPU and anything to write to, that
    removes itself. What was read is kept by the image's id, so the next run starts no container.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Nothing is changed and no container is started; the result has the same shape.
    support: full
  diff_mode:
    description: The image's id and digest before and after.
    support: full
options:
  image:
    description:
      - The image's name, by tag or by digest.
      - An archive or a peer can bring a name with a tag only, as an engine learns digests from registries. Give the
        digest in O(digest) then.
    type: str
    required: true
  state:
    description:
      - V(present) - the image is on the host.
      - V(reported) - nothing is brought; the result tells whether the image is there, and what it is.
      - V(absent) - the image does not bear this name; it is gone, if that was its last. Refused while a container uses
        it.
    type: str
    choices: [present, reported, absent]
    default: present
  source:
    description:
      - V(registry) - pull it.
      - V(archive) - load O(archive).
      - V(peer) - fetch it from O(peer).
    type: str
    choices: [registry, archive, peer]
    default: registry
  pull:
    description:
      - V(missing) brings the image when it is not there or not the expected one. V(always) asks the source each time.
        V(never) asks no registry; archives and peers are not meant by it.
    type: str
    choices: [missing, always, never]
    default: missing
  mirror:
    description:
      - A registry to pull through in place of the image's own, such as V(mirror.example.com:5000) or
        V(mirror.example.com/hub). The image is pulled as C(MIRROR/path:tag) and then given its name.
      - Whether a certificate is asked for is the engine's business (C(insecure-registries) of its C(daemon.json)).
    type: str
  archive:
    description:
      - A file on the host, made by C(docker save), plain or packed by gzip. The engine knows bzip2 and xz too.
      - It must hold an image of this name, or with O(digest) that image under any name.
    type: path
  peer:
    description:
      - The address of a host that shares the image, such as V(http://10.0.0.1:5555).
    type: str
  peer_token:
    description:
      - The token of that share.
    type: str
  peer_timeout:
    description:
      - The longest time to wait for a turn while the peer serves others, in seconds.
    type: float
    default: 3600
  peer_fallback:
    description:
      - Pull the image, with a warning, when the peer does not give it.
    type: bool
    default: false
  digest:
    description:
      - What the image must be, V(sha256:...). Its registry's digest, or its id.
      - The id is the digest of the image's configuration. With containerd's image store it is that of its manifest, so
        one image has two ids on engines of two kinds. An archive that tells both is accepted by either.
    type: str
    aliases: [image_id]
  version:
    description:
      - Whether vLLM's version is V(read), V(required), so that an image without one fails, or V(ignored).
    type: str
    choices: [read, required, ignored]
    default: read
  timeout:
    description:
      - The longest time that a pull may take, in seconds.
    type: float
    default: 3600
  background:
    description:
      - Where the image has to be brought, let a process of its own on the host do that, and return at once with
        RV(status_path). The action plugin of this module sets it by itself.
    type: bool
    default: false
  state_path:
    description:
      - The folder on the host in which C(images.json) keeps what was found out about images.
    type: path
    default: /var/lib/gpt_oss/servers
requirements:
  - Python 3 in the image, or the command C(vllm), for its version to be read.
seealso:
  - module: gpt_oss.fleet.vllm_image_share
  - module: gpt_oss.fleet.vllm_container
"""

EXAMPLES = r"""
- name: Bring the image beforehand, and no other than this
  gpt_oss.fleet.vllm_image:
    image: vllm/vllm-openai:v0.33.0
    digest: sha256:7d1a0f7c6d5f0f4f4a2f8d7be1c1a6f6f7c0c38b8a1f1a4e5f9c2d3b4a5c6d7e

- name: Pull through a mirror in the network
  gpt_oss.fleet.vllm_image:
    image: vllm/vllm-openai:v0.33.0
    mirror: mirror.example.com:5000

- name: Load what was carried here
  gpt_oss.fleet.vllm_image:
    image: vllm/vllm-openai:v0.33.0
    source: archive
    archive: /srv/images/vllm-openai-v0.33.0.tar.gz

- name: Fetch it from the host that has it
  gpt_oss.fleet.vllm_image:
    image: vllm/vllm-openai:v0.33.0
    source: peer
    peer: http://10.0.0.1:5555
    peer_token: "{{ token }}"
"""

RETURN = r"""
image:
  description: The image's name, as it was asked for.
  returned: success
  type: str
present:
  description: Whether the image is on the host, and the expected one. In check mode, whether it was on the host.
  returned: success
  type: bool
reference:
  description:
    - The name under which the engine finds the image. It is another one than RV(image) where an image by digest came
      from a mirror.
  returned: success
  type: str
image_id:
  description: The image's id; null when it is not there.
  returned: success
  type: str
digest:
  description: The image's digest in its registry, C(name@sha256:...); empty when it came from none.
  returned: success
  type: str
size:
  description: The image's size in bytes, unpacked; null when it is not there.
  returned: success
  type: int
vllm_version:
  description: The version of vLLM in the image; empty when it is not known.
  returned: success
  type: str
  sample: 0.33.0
entrypoint:
  description: The image's entrypoint.
  returned: success
  type: list
  elements: str
cmd:
  description: The image's command.
  returned: success
  type: list
  elements: str
user:
  description: The user that the image runs as; empty for root.
  returned: success
  type: str
architecture:
  description: The architecture that the image is for.
  returned: success
  type: str
  sample: amd64
source:
  description: Where the image came from in this run; empty when nothing was asked.
  returned: success
  type: str
  sample: registry
pulled:
  description: Whether another image than before was brought in this run.
  returned: success
  type: bool
seconds:
  description: How long that took.
  returned: success
  type: float
bytes_moved:
  description: The bytes that were downloaded or read.
  returned: success
  type: int
layers:
  description: The number of layers that the engine named meanwhile.
  returned: success
  type: int
status_path:
  description: Where the process that brings the image tells how it stands.
  returned: with O(background), when it has to be brought
  type: str
cause:
  description: What went wrong.
  returned: on most failures
  type: str
remedy:
  description: What to do about it.
  returned: on most failures
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_bringing import ImageError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_job import image_job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_outcome import Outcome, facts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_peer import PeerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import (
    ImageNameError,
    is_digest,
    parse_reference,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_state import converge, is_wanting
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job import JobFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_state import StateError

ARGUMENT_SPEC: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "reported", "absent"], "default": "present"},
    "source": {"type": "str", "choices": ["registry", "archive", "peer"], "default": "registry"},
    "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
    "mirror": {"type": "str"},
    "archive": {"type": "path"},
    "peer": {"type": "str"},
    "peer_token": {"type": "str", "no_log": True},
    "peer_timeout": {"type": "float", "default": 3600.0},
    "peer_fallback": {"type": "bool", "default": False},
    "digest": {"type": "str", "aliases": ["image_id"]},
    "version": {"type": "str", "choices": ["read", "required", "ignored"], "default": "read"},
    "timeout": {"type": "float", "default": 3600.0},
    "background": {"type": "bool", "default": False},
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def problems(params: dict[str, Any]) -> list[str]:
    """Return what is wrong with the parameters beyond their types."""
    found = []
    try:
        parse_reference(params["image"])
    except ImageNameError as exc:
        found.append(f"image: {exc}")
    if params["digest"] and not is_digest(params["digest"]):
        found.append(f"digest: expected sha256: and 64 hexadecimal digits, found {params['digest']!r}")
    return found


def shown(image: dict[str, Any] | None) -> dict[str, Any]:
    """Return an image as a diff shows it."""
    return {"image_id": image["Id"], "digests": image.get("RepoDigests") or []} if image else {"state": "absent"}


def difference(params: dict[str, Any], outcome: Outcome, check_mode: bool) -> dict[str, Any]:
    """Return the diff; in check mode what will come is not known."""
    before, after = shown(outcome.found), shown(outcome.image)
    if check_mode and outcome.changed and params["state"] == "present":
        after = {"image_id": params["digest"] or "(known when it is there)"}
    return {"before": before, "after": after}


def result_of(params: dict[str, Any], outcome: Outcome, check_mode: bool) -> dict[str, Any]:
    """Return the module's result, less the warnings."""
    return {
        "changed": outcome.changed,
        "diff": difference(params, outcome, check_mode),
        **facts(params, outcome),
    }


def failure_of(params: dict[str, Any], exc: Exception) -> JobFailure:
    """Return a failure's result values. What is no failure of the image is raised again."""
    if isinstance(exc, ImageError):
        return JobFailure(f"{params['image']}: {exc}", **exc.details)
    if isinstance(exc, (PeerError, EngineError, ImageNameError)):
        return JobFailure(f"{params['image']}: {exc}")
    raise exc


def in_background(module: AnsibleModule) -> dict[str, Any] | None:
    """Have the image brought by a process of its own; None where there is nothing to bring, or no state can be kept."""
    params = module.params
    if not params["background"] or module.check_mode or not is_wanting(connect(params["docker_host"]), params):
        return None

    def result(outcome: Outcome) -> dict[str, Any]:
        warnings = {"warnings": list(outcome.warnings)} if outcome.warnings else {}
        return {**result_of(params, outcome, False), **warnings}

    try:
        path = image_job(params, result, lambda exc: failure_of(params, exc))
    except (StateError, DetachError) as exc:
        module.warn(f"{params['image']}: it is brought without progress: {exc}")
        return None
    return {"changed": True, "image": params["image"], "status_path": path}


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("source", "archive", ["archive"]), ("source", "peer", ["peer", "peer_token"])],
        supports_check_mode=True,
    )
    params = module.params
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    found = problems(params)
    if found:
        module.fail_json(msg=f"nothing was changed. {'; '.join(found)}", problems=found)
    try:
        begun = in_background(module)
        if begun:
            module.exit_json(**begun)
        outcome = converge(connect(params["docker_host"]), params, module.check_mode)
    except (ImageError, PeerError, EngineError, ImageNameError) as exc:
        module.fail_json(exception=exc, **failure_of(params, exc).values)
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**result_of(params, outcome, module.check_mode))


if __name__ == "__main__":
    main()
