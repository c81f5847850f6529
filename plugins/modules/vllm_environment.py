# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.vllm_environment: what vllm collect-env tells of a server's environment, as data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_environment
short_description: Tells a vLLM server's environment, by vllm collect-env
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Runs C(vllm collect-env) inside the container of a running server, or in a container of its own from the server's
    image with the entrypoint emptied, and returns what it printed as text and as data.
  - Understands the output of vLLM 0.10 and newer.
  - Secrets are masked in the text and in the data. Values are told by the names of variables and keys, by their
    shape, and where the container knows them, by themselves.
  - Changes nothing. A container of its own has no network, mounts what the server mounts read-only, and is removed.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Nothing is run; the result has the same shape and tells which command would be.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
options:
  name:
    description: The server's container.
    type: str
    required: true
  source:
    description:
      - V(server) - inside the running container, which sees what the server sees.
      - V(image) - in a container of its own.
      - V(auto) - inside the server's container when it runs and its memory has no limit that the command could push
        the server over, else in one of its own.
    type: str
    choices: [auto, server, image]
    default: auto
  image:
    description:
      - The image for a container of its own. It is not pulled.
      - Without it, that of the container O(name), which then need not run.
    type: str
  gpus:
    description: V(all), V(none), or a list such as V(0,1), for a container of its own.
    type: str
    default: all
  gpu_access:
    description: How the GPUs come into a container of its own, as for M(gpt_oss.fleet.vllm_container).
    type: str
    choices: [device_requests, cdi, device_nodes]
    default: device_requests
  devices:
    description: Device nodes for a container of its own, C(/dev/x) or C(/dev/x:/dev/y:rwm).
    type: list
    elements: str
  environment:
    description:
      - Environment variables for a container of its own. Those whose name says that they are secret are left out.
    type: dict
  volumes:
    description:
      - Bind mounts for a container of its own, C(/source:/target). All are mounted read-only, and those whose source is
        not there are left out.
    type: list
    elements: str
  timeout:
    description:
      - The longest time to wait for the command, in seconds. It imports all of vLLM, which takes a busy host a while.
    type: int
    default: 300
seealso:
  - module: gpt_oss.fleet.vllm_container
  - module: gpt_oss.fleet.environment_report
"""

EXAMPLES = r"""
- name: Look at the environment of a server that runs
  gpt_oss.fleet.vllm_environment:
    name: gpt-oss-20b

- name: Look at what an image would find on this host
  gpt_oss.fleet.vllm_environment:
    name: trial
    source: image
    image: vllm/vllm-openai:v0.33.0
"""

RETURN = r"""
environment:
  description: The environment. In check mode all that was not looked at is null or empty.
  returned: success
  type: dict
  contains:
    name:
      description: The server's container.
      type: str
    collected:
      description: Whether the command was run; not in check mode.
      type: bool
    source:
      description: Where it was run, C(server) or C(image).
      type: str
    command:
      description: The command that was, or in check mode would be, run.
      type: str
      sample: docker exec gpt-oss-20b vllm collect-env
    image:
      description: The image, as the container names it.
      type: str
    image_digest:
      description: The image's digest in its registry; its id, where it came from none.
      type: str
    arguments:
      description: The running server's arguments, secrets masked; empty for C(image).
      type: list
      elements: str
    vllm_version:
      description: vLLM's version.
      type: str
    simulated:
      description: Whether this is the simulator's report.
      type: bool
    gpus:
      description: The names of the GPUs.
      type: list
      elements: str
      sample: [NVIDIA B200, NVIDIA B200]
    sections:
      description:
        - The report's sections by title, each with its values by name. A value is a text, a boolean, a list of lines,
          or null where it could not be collected.
      type: dict
      sample:
        cuda_gpu_info: {is_cuda_available: true, nvidia_driver_version: 580.95.05}
        system_info: {os: Ubuntu 22.04.5 LTS (x86_64)}
    packages:
      description: The Python packages that the report holds, each with C(manager), C(name) and C(version).
      type: list
      elements: dict
    topology:
      description:
        - A row for each GPU and network card, with C(device), C(links) to the others, C(cpu_affinity),
          C(numa_affinity) and C(gpu_numa_id).
      type: list
      elements: dict
    variables:
      description: The environment variables that the report holds, secrets masked.
      type: dict
text:
  description: What was printed, secrets masked; empty in check mode.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils._collect_env import CollectEnvError, parse
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import environment_pairs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_run import Place, RunError, place, run
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import redact, redacted, secret_values
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_arguments

ARGUMENT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "source": {"type": "str", "choices": ["auto", "server", "image"], "default": "auto"},
    "image": {"type": "str"},
    "gpus": {"type": "str", "default": "all"},
    "gpu_access": {
        "type": "str",
        "choices": ["device_requests", "cdi", "device_nodes"],
        "default": "device_requests",
    },
    "devices": {"type": "list", "elements": "str"},
    "environment": {"type": "dict"},
    "volumes": {"type": "list", "elements": "str"},
    "timeout": {"type": "int", "default": 300},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}
_NOT_LOOKED_AT: dict[str, Any] = {
    "vllm_version": None,
    "gpus": [],
    "sections": {},
    "packages": [],
    "topology": [],
    "variables": {},
}


def known_secrets(params: dict[str, Any], where: Place | None) -> list[str]:
    """Return the secret values that the parameters and the container hold."""
    config = (where.container or {}).get("Config", {}) if where else {}
    return secret_values(params["environment"] or {}) + secret_values(environment_pairs(config.get("Env")))


def environment_of(name: str, where: Place, text: str, secrets: list[str]) -> dict[str, Any]:
    """Return the environment as the result shows it; `text` is the redacted report, empty when none was made."""
    report = parse(text) if text else _NOT_LOOKED_AT
    arguments = mask_arguments((where.container or {})["Config"].get("Cmd") or []) if where.source == "server" else []
    return {
        "name": name,
        "collected": bool(text),
        "source": where.source,
        "command": where.command,
        "image": where.image,
        "image_digest": where.image_digest,
        "arguments": redacted(arguments, secrets),
        "simulated": "simulator" in (report["vllm_version"] or ""),
        **report,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    where, secrets = None, known_secrets(params, None)
    try:
        engine = connect(params["docker_host"])
        where = place(engine, params)
        secrets = known_secrets(params, where)
        text = "" if module.check_mode else redact(run(engine, where, params["name"], params["timeout"]), secrets)
        result = environment_of(params["name"], where, text, secrets)
    except (RunError, EngineError, CollectEnvError) as exc:
        # No traceback: it would show the message with its secrets.
        module.fail_json(msg=redact(f"{params['name']}: {exc}", secrets))
    module.exit_json(changed=False, environment=result, text=text)


if __name__ == "__main__":
    main()
