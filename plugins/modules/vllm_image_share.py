# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: vllm_image_share - the host gives an image to others over the network, for a while."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_image_share
short_description: Share a container image with other hosts over the network, for a while
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Starts a detached process that streams what C(docker save) gives of exactly one image to whoever presents the
    token. It ends by itself when nobody has asked for a while.
  - Other hosts fetch the image with M(gpt_oss.fleet.vllm_image) and O(gpt_oss.fleet.vllm_image#module:source=peer).
  - Each start makes a new token. It is kept in a file of mode 0600 below O(state_path), and returned, so a task
    that starts a share wants C(no_log).
  - The transfer is plain HTTP. Who can listen in the network can read the image and the token. Those who fetch compare
    the image with its id, so it cannot be changed on its way unseen when they know the id from elsewhere.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Nothing is started or stopped; port and token of a share that does not run are null.
    support: full
  diff_mode:
    description: Whether the image is shared before and after.
    support: full
options:
  image:
    description:
      - The image on this host that is shared.
    type: str
    required: true
  state:
    description:
      - V(started) - the image is shared as described. One that is shared otherwise, or has another id by now, is shared
        anew.
      - V(stopped) - it is not shared. Transfers under way are broken off.
    type: str
    choices: [started, stopped]
    default: started
  bind_address:
    description:
      - The address of this host at which others fetch the image.
    type: str
    default: 127.0.0.1
  port:
    description:
      - The port; V(0) takes a free one.
    type: int
    default: 0
  rate_limit:
    description:
      - The most bytes a second over all transfers together, such as V(100M); V(0) for no limit.
    type: str
    default: "0"
  max_transfers:
    description:
      - How many hosts may fetch at a time. Others wait for their turn. V(0) for any number.
    type: int
    default: 4
  idle_timeout:
    description:
      - The seconds without a transfer after which the share ends.
    type: float
    default: 600
  state_path:
    description:
      - The folder on the host in which the share keeps its token, its status and its log, in C(shares/NAME).
    type: path
    default: /var/lib/gpt_oss/servers
seealso:
  - module: gpt_oss.fleet.vllm_image
"""

EXAMPLES = r"""
- name: Share the image on the local network
  gpt_oss.fleet.vllm_image_share:
    image: vllm/vllm-openai:v0.33.0
    bind_address: 10.0.0.1
    rate_limit: 500M
  register: share
  no_log: true

- name: Share it no longer
  gpt_oss.fleet.vllm_image_share:
    image: vllm/vllm-openai:v0.33.0
    state: stopped
"""

RETURN = r"""
share:
  description: The share. For V(stopped), and in check mode for one that does not run, port and token are null.
  returned: success
  type: dict
  contains:
    image:
      description: The image's name.
      type: str
    image_id:
      description: The image's id; null for V(stopped).
      type: str
    port:
      description: The port.
      type: int
    token:
      description: The token that those who fetch present. A secret.
      type: str
    token_file:
      description: The file on the host that holds it.
      type: str
    log:
      description: The log of the share on the host.
      type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _image_share, _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import registry_digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_records import read_record
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_share import ShareError, Wish

ARGUMENT_SPEC: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "bind_address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 0},
    "rate_limit": {"type": "str", "default": "0"},
    "max_transfers": {"type": "int", "default": 4},
    "idle_timeout": {"type": "float", "default": 600.0},
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def wish(params: dict[str, Any], check_mode: bool) -> Wish | None:
    """Return how the image shall be shared; None in check mode for an image that is not there yet."""
    image = connect(params["docker_host"]).image(params["image"])
    if image is None:
        if check_mode:
            return None
        raise ShareError(f"expected the image {params['image']} on this host, found none; bring it first (vllm_image)")
    record = read_record(params["state_path"], image["Id"])
    return Wish(
        image=params["image"],
        image_id=str(image["Id"]),
        digests=tuple(dict.fromkeys([*registry_digests(image), *record.get("digests", ())])),
        size=int(image.get("Size") or 0),
        bind_address=params["bind_address"],
        port=params["port"],
        rate=rate(params["rate_limit"]),
        most_transfers=params["max_transfers"],
        idle_timeout=params["idle_timeout"],
        docker_host=params["docker_host"],
    )


def rate(text: str) -> int:
    """Return bytes a second. Raises ShareError."""
    try:
        return int(human_to_bytes(text))
    except ValueError as exc:
        raise ShareError(f"expected rate_limit as 500M or 0, found {text!r}: {exc}") from exc


def act(params: dict[str, Any], check_mode: bool) -> tuple[bool, dict[str, Any] | None, dict[str, Any] | None]:
    """Reach the wanted state; return whether that is a change, and what was and is shared. Raises ShareError."""
    folder = _image_share.folder_of(params["state_path"], params["image"])
    before = _image_share.running(folder)
    wanted = wish(params, check_mode) if params["state"] == "started" else None
    if wanted and _image_share.serves(before, wanted):
        return False, before, before
    if params["state"] == "stopped":
        if not check_mode:
            _image_share.stop(folder)
        return before is not None, before, None
    if check_mode or wanted is None:
        return True, before, None
    _image_share.stop(folder)
    return True, before, _image_share.start(folder, wanted)


def shown(params: dict[str, Any], status: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Return the share as the result shows it."""
    return {
        "image": params["image"],
        "image_id": status["image_id"] if status else None,
        "port": status["port"] if status else None,
        "token": _image_share.read_token(folder) if status else None,
        "token_file": str(folder / "token"),
        "log": str(folder / "share.log"),
    }


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    try:
        changed, before, after = act(params, module.check_mode)
        share = shown(params, after, _image_share.folder_of(params["state_path"], params["image"]))
    except (ShareError, EngineError, OSError) as exc:
        module.fail_json(msg=f"{params['image']}: {exc}", exception=exc)
    states = [{"shared": bool(status), "port": (status or {}).get("port")} for status in (before, after)]
    if module.check_mode and changed and params["state"] == "started":
        states[1]["shared"] = True
    module.exit_json(changed=changed, diff={"before": states[0], "after": states[1]}, share=share)


if __name__ == "__main__":
    main()
