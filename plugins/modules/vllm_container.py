# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: vllm_container - one serving container matches its description and is ready, or the cause is named."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_container
short_description: Run a vLLM server in a container, and wait until it really generates
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Brings one vLLM container into the wanted state and compares what runs with what is wanted, option by option, so
    that a container that somebody changed by hand is seen and mended.
  - Waits for readiness, which is more than a running container. The process lives, C(/health) answers 200, the model is
    listed, and one completion comes back with tokens in it.
  - A start that fails is reported within a second of the container's end, with the stage that it had reached, the exit
    code, the cause, a remedy and the last lines of the log.
  - A start runs with the restart policy C(no), so that a failed container stays to be looked at. The wanted policy is
    set once the server is ready.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Nothing is changed; the result has the same shape.
    support: full
  diff_mode:
    description: The readable description before and after, secrets masked.
    support: full
options:
  name:
    description:
      - The container's name.
    type: str
    required: true
  state:
    description:
      - V(present) - a container of this description exists. One that had to be created anew is not started.
      - V(started) - it runs, and with O(wait) it is ready.
      - V(restarted) - as V(started), after a stop.
      - V(stopped) - it does not run. A container that is not there is not created.
      - V(absent) - it is not there.
    type: str
    choices: [present, started, stopped, restarted, absent]
    default: started
  image:
    description:
      - The image, by tag or, better, by digest.
      - Required for the states V(present), V(started) and V(restarted).
    type: str
  pull:
    description:
      - Whether the image is pulled when it is C(missing), V(always), or V(never).
      - Where a tag has moved, the container is created anew.
    type: str
    choices: [missing, always, never]
    default: missing
  model:
    description:
      - The model that the server shall serve, as given to vLLM. It is only used to check what the server lists.
      - It does not become an argument by itself, see O(arguments).
    type: str
  served_model_name:
    description:
      - The name under which the server lists the model, where it is not O(model).
    type: str
  arguments:
    description:
      - The whole command line after the entrypoint, word by word. Without it, the image's own.
    type: list
    elements: str
  entrypoint:
    description:
      - The entrypoint, where it shall not be the image's own.
    type: list
    elements: str
  environment:
    description:
      - Environment variables, added to the image's own. Values are strings or whole numbers.
      - Variables that are no longer wanted go with the next run.
    type: dict
  volumes:
    description:
      - Bind mounts, C(/source:/target) or C(/source:/target:ro).
    type: list
    elements: str
  port:
    description:
      - The host's port. With O(network_mode=host) the port that the server itself is told to listen on.
    type: int
    default: 8000
  container_port:
    description:
      - The port inside the container, for O(network_mode=bridge).
    type: int
    default: 8000
  bind_address:
    description:
      - The host's address at which the port is published. On loopback only the host itself reaches the server.
    type: str
    default: 127.0.0.1
  network_mode:
    description:
      - A network of its own with one published port, or the host's network.
    type: str
    choices: [bridge, host]
    default: bridge
  gpus:
    description:
      - V(all), V(none), or a list such as V(0,1) of indices or UUIDs.
    type: str
    default: all
  gpu_access:
    description:
      - How the GPUs come into the container. V(device_requests) is what C(docker run --gpus) does; V(cdi) asks for
        C(nvidia.com/gpu) by the Container Device Interface.
    type: str
    choices: [device_requests, cdi]
    default: device_requests
  devices:
    description:
      - Device nodes, C(/dev/x) or C(/dev/x:/dev/y:rwm), for hosts without the NVIDIA Container Toolkit.
    type: list
    elements: str
  ipc_mode:
    description:
      - The IPC namespace - C(host), C(private), C(shareable), C(none) or C(container:NAME).
    type: str
    default: host
  shm_size:
    description:
      - The size of C(/dev/shm), such as V(16g), where O(ipc_mode) is not C(host).
    type: str
  ulimits:
    description:
      - Limits by name, V(soft:hard), for example C(nofile) with V(1048576:1048576).
    type: dict
  restart_policy:
    description:
      - The restart policy once the server is ready. vLLM ends with exit code 0 when its engine dies, so V(on-failure)
        does not bring it back.
    type: str
    choices: ["no", "on-failure", always, unless-stopped]
    default: unless-stopped
  labels:
    description:
      - Labels, added to the image's own and the module's.
    type: dict
  api_key_file:
    description:
      - A file on the host that holds the API key, and nothing else. It is mounted read-only and read inside the
        container, so that the key shows neither in the arguments nor in C(docker inspect).
      - The image needs a C(/bin/sh).
      - A key that was changed takes effect with O(state=restarted).
    type: path
  wait:
    description:
      - Wait until the server is ready. Without it the module returns once the container runs; a later call with
        O(wait=true) and the same options waits for readiness and sets the restart policy.
    type: bool
    default: true
  timeout:
    description:
      - The longest time to wait for readiness, in seconds.
    type: int
    default: 1800
  stop_timeout:
    description:
      - The seconds that a server is given to stop by itself.
    type: int
    default: 30
seealso:
  - module: gpt_oss.fleet.vllm_smoke
"""

EXAMPLES = r"""
- name: Serve gpt-oss-20b on all GPUs, reachable from this host only
  gpt_oss.fleet.vllm_container:
    name: gpt-oss-20b
    image: vllm/vllm-openai:v0.33.0
    model: openai/gpt-oss-20b
    arguments: [openai/gpt-oss-20b, --host, 0.0.0.0, --port, "8000"]
    volumes: ["/var/lib/gpt_oss/huggingface:/root/.cache/huggingface"]

- name: Start on all hosts at once, with an API key
  gpt_oss.fleet.vllm_container:
    name: gpt-oss-20b
    image: vllm/vllm-openai:v0.33.0
    model: openai/gpt-oss-20b
    arguments: [openai/gpt-oss-20b]
    api_key_file: /etc/gpt_oss/api_key
    wait: false

- name: Wait for each, with the same options
  gpt_oss.fleet.vllm_container:
    name: gpt-oss-20b
    image: vllm/vllm-openai:v0.33.0
    model: openai/gpt-oss-20b
    arguments: [openai/gpt-oss-20b]
    api_key_file: /etc/gpt_oss/api_key

- name: Take the server away
  gpt_oss.fleet.vllm_container:
    name: gpt-oss-20b
    state: absent
"""

RETURN = r"""
server:
  description: The server. In check mode, and where it was not waited for, what is not known is null.
  returned: success
  type: dict
  contains:
    name:
      description: The container's name.
      type: str
    endpoint:
      description: The base URL at which this host reaches the server.
      type: str
      sample: http://127.0.0.1:8000/v1
    model:
      description: The name under which the model is served.
      type: str
    image:
      description: The image as it was asked for.
      type: str
    image_digest:
      description: The image's digest in its registry; its id, where it came from none.
      type: str
    vllm_version:
      description: The server's own version.
      type: str
    simulated:
      description: Whether the server says that it is a simulator.
      type: bool
    started:
      description: When the container was started, in UTC.
      type: str
      sample: "2026-11-22T15:24:43Z"
    startup_seconds:
      description: The stages that the start went through, each with the seconds after the container's start at which
        it was entered.
      type: dict
      sample: {created: 0.0, api_process: 9.1, engine: 36.2, weights: 37.8, listening: 138.4, healthy: 138.6}
    container_id:
      description: The container's id.
      type: str
actions:
  description: What was, or in check mode would be, done, in this order.
  returned: success
  type: list
  elements: str
  sample: [create, stop, remove, start, set_restart_policy]
drift:
  description: The keys of the description in which the existing container differed from the wanted one.
  returned: success
  type: list
  elements: str
  sample: [arguments, environment]
stage:
  description: The stage in which the start failed or hangs.
  returned: when a start failed
  type: str
  sample: weights
exit_code:
  description: The container's exit code; null when it still runs.
  returned: when a start failed
  type: int
cause:
  description: What went wrong.
  returned: on most failures
  type: str
remedy:
  description: What to do about it.
  returned: on most failures
  type: str
log:
  description: The last lines of the container's log, secrets masked.
  returned: when a start failed
  type: list
  elements: str
diagnosis:
  description: The class of the failure, a stable name; C(unknown) when it is none of the known ones.
  returned: when a start failed
  type: str
  sample: unknown_flag
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._lifecycle import ContainerError, converge, facts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import problems


def argument_spec() -> dict[str, Any]:
    """Return the options, as in DOCUMENTATION."""
    return {
        "name": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["present", "started", "stopped", "restarted", "absent"],
            "default": "started",
        },
        "image": {"type": "str"},
        "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
        "model": {"type": "str"},
        "served_model_name": {"type": "str"},
        "arguments": {"type": "list", "elements": "str"},
        "entrypoint": {"type": "list", "elements": "str"},
        "environment": {"type": "dict"},
        "volumes": {"type": "list", "elements": "str"},
        "port": {"type": "int", "default": 8000},
        "container_port": {"type": "int", "default": 8000},
        "bind_address": {"type": "str", "default": "127.0.0.1"},
        "network_mode": {"type": "str", "choices": ["bridge", "host"], "default": "bridge"},
        "gpus": {"type": "str", "default": "all"},
        "gpu_access": {"type": "str", "choices": ["device_requests", "cdi"], "default": "device_requests"},
        "devices": {"type": "list", "elements": "str"},
        "ipc_mode": {"type": "str", "default": "host"},
        "shm_size": {"type": "str"},
        "ulimits": {"type": "dict"},
        "restart_policy": {
            "type": "str",
            "choices": ["no", "on-failure", "always", "unless-stopped"],
            "default": "unless-stopped",
        },
        "labels": {"type": "dict"},
        "api_key_file": {"type": "path", "no_log": False},
        "wait": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 1800},
        "stop_timeout": {"type": "int", "default": 30},
        "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", state, ["image"]) for state in ("present", "started", "restarted")],
        supports_check_mode=True,
    )
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    found = problems(module.params)
    if found:
        module.fail_json(msg=f"{module.params['name']}: nothing was changed. {'; '.join(found)}", problems=found)
    try:
        engine = connect(module.params["docker_host"])
        outcome = converge(engine, module.params, module.check_mode)
        server = facts(engine, module.params, outcome)
    except ContainerError as exc:
        module.fail_json(msg=str(exc), **exc.details)
    except EngineError as exc:
        module.fail_json(msg=f"{module.params['name']}: {exc}", exception=exc)
    situation = outcome.situation
    module.exit_json(
        changed=outcome.changed,
        diff={"before": situation.before, "after": situation.after},
        server=server,
        actions=situation.plan.actions,
        drift=list(situation.drift),
    )


if __name__ == "__main__":
    main()
