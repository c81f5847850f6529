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
  - While it waits, an action plugin of the same name shows how far the start has come. The variable C(gpt_oss_progress)
    says how - V(live), a line each few seconds; V(terse), a line for each stage; V(off), none; V(auto), the default,
    is V(live) on a terminal and V(terse) in CI and where the output goes to a file. The start is watched by a process
    on the host, so that the controller may go away meanwhile; the next run attaches to it.
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
      - V(accepted) - the description under which it runs, which must be this one, is kept as one that proved good, for
        O(rollback). The container is left alone.
      - V(rejected) - this description is no longer kept as one that proved good. The container is left alone.
    type: str
    choices: [present, started, stopped, restarted, absent, accepted, rejected]
    default: started
  image:
    description:
      - The image, by tag or, better, by digest.
      - Required for the states V(present), V(started), V(restarted), V(accepted) and V(rejected).
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
      - Those whose name says that they are secret, such as C(HF_TOKEN), or whose value is an address with credentials,
        are handed to the host as O(secret_environment), where the value has six characters or more.
    type: dict
  secret_environment:
    description:
      - Environment variables like those of O(environment), whose values show neither in results nor in the system's
        log.
      - C(docker inspect) shows them, as it shows all variables, to whoever may use the Docker Engine.
    type: dict
  python_path:
    description:
      - Folders in the container in which its Python looks for modules first. They come before those of the
        C(PYTHONPATH) that O(environment) or the image has.
    type: list
    elements: str
  volumes:
    description:
      - Bind mounts, C(/source:/target) or C(/source:/target:ro).
    type: list
    elements: str
  user:
    description:
      - The user that the container's processes run as, V(UID), V(UID:GID), or names that the image knows. Without it,
        the image's own, which is root in vLLM's usual images.
      - What is mounted must be open to that user, the file of O(api_key_file) included. C(/root) is not, so the model
        cache wants another target, and C(HOME) and C(HF_HOME) must name folders that the user may use.
    type: str
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
      - V(device_nodes) is for hosts without the NVIDIA Container Toolkit. The container gets the device nodes of the
        GPUs and of the driver, as the driver numbers them. The driver's libraries must come by O(volumes), or be in the
        image.
    type: str
    choices: [device_requests, cdi, device_nodes]
    default: device_requests
  devices:
    description:
      - More device nodes, C(/dev/x) or C(/dev/x:/dev/y:rwm). For those of GPUs see O(gpu_access).
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
  drop_capabilities:
    description:
      - The Linux capabilities that are taken from the container's processes, V(ALL) or single ones such as C(NET_RAW).
      - Without V(DAC_OVERRIDE) in O(add_capabilities), root in the container reads and writes only what the modes of
        files allow it, as in caches and for the file of O(api_key_file).
    type: list
    elements: str
    default: []
  add_capabilities:
    description:
      - Those that they have beyond Docker's own, or keep where O(drop_capabilities) is V(ALL).
    type: list
    elements: str
    default: []
  security_options:
    description:
      - As for C(docker run --security-opt) - C(no-new-privileges:true), C(apparmor=PROFILE), C(label=...), or
        C(seccomp=unconfined).
    type: list
    elements: str
    default: []
  read_only:
    description:
      - Whether the container's own files cannot be written. What must be written wants O(volumes) or O(tmpfs).
    type: bool
    default: false
  tmpfs:
    description:
      - Folders in memory, C(/target) or C(/target:size=1g).
    type: list
    elements: str
    default: []
  pids_limit:
    description:
      - The most processes and threads of the container; V(0) for no limit. Those of vLLM grow with cores and GPUs.
    type: int
    default: 0
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
  start:
    description:
      - With O(state=started), start a server that is there and does not run. V(false) is for a task that waits for what
        an earlier one has started, as a server that has ended since is to be looked at and not to be started anew.
    type: bool
    default: true
  timeout:
    description:
      - The longest time to wait for readiness, in seconds.
    type: int
    default: 1800
  stage_timeouts:
    description:
      - The longest stay in single stages of the start, in seconds, by stage (those of RV(server.startup_seconds), and
        C(pulled)). A start that hangs is thus seen long before O(timeout).
      - The defaults are C(pulled) 3600, C(created) 300, C(api_process) 600, C(engine) 600, C(weights) 1800, C(compile)
        1200, C(graphs) 900, C(listening) 300, C(healthy) 120, C(model_listed) 600.
    type: dict
  stop_timeout:
    description:
      - The seconds that a server is given to stop by itself, before the engine kills it.
      - A container is made with it, so that C(docker stop) gives as many. Another number alone makes no new container.
      - What is not given is as the container was made; and for a new one 30, or 30 more than the
        C(--shutdown-timeout) among its O(arguments).
    type: int
  kernel_proof:
    description:
      - What the log must say of the kernels that the server chose, as P(gpt_oss.fleet.resolve_servers#filter) returns
        it. Once the server is ready, its log is read. A line that contradicts it fails the module, and the container
        keeps the restart policy C(no); where no line tells, there is a warning.
    type: dict
  drain_timeout:
    description:
      - The seconds that a server which is to be stopped or replaced is given to finish the requests that it has, before
        it is told to stop. New requests are still taken meanwhile, so keep clients away from it. V(0) does not wait.
      - What is not given is the C(--shutdown-timeout) with which that server runs, or else 60.
    type: int
  rollback:
    description:
      - Go back to the newest accepted description (see O(state=accepted)) that is not the one given here. Asked for
        again, it finds the same one and changes nothing.
    type: bool
    default: false
  proofs:
    description:
      - With O(state=accepted), what the description passed, such as V(smoke). It is kept with it, together with what
        the same description passed before. In check mode the result is unchanged where it has passed all of these.
    type: list
    elements: str
    default: []
  state_path:
    description:
      - A folder on the host in which a folder for each server is kept, with the times of its last start, the status
        of its watch, and its accepted descriptions, readable by its owner alone.
      - Where it cannot be written there is no progress, and nothing can be accepted.
    type: path
    default: /var/lib/gpt_oss/servers
  background:
    description:
      - With O(wait), let a process of its own on the host watch the start, and return at once with RV(status_path),
        unless the server is ready already. The action plugin of this module sets it by itself.
    type: bool
    default: false
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

- name: Serve on a host that has a driver and no container toolkit
  gpt_oss.fleet.vllm_container:
    name: gpt-oss-20b
    image: vllm/vllm-openai:v0.33.0
    model: openai/gpt-oss-20b
    arguments: [openai/gpt-oss-20b]
    gpu_access: device_nodes
    # The image looks for libraries in /usr/local/nvidia/lib64.
    volumes: ["/opt/nvidia-driver/lib64:/usr/local/nvidia/lib64:ro"]

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
    stage_seconds:
      description: How long each stage took, in seconds; C(pulled) where the image was pulled.
      type: dict
      sample: {created: 9.1, api_process: 27.1, engine: 1.6, weights: 7.9, compile: 24.0, graphs: 68.7, healthy: 0.2}
    kernel_proof:
      description:
        - What the log proves of the kernels that were asked for (O(kernel_proof)) - C(state) is C(proven), C(unknown)
          or C(not_applicable), C(findings) has for each subject the line that decided.
      type: dict
      sample:
        state: proven
        findings:
          - subject: moe
            state: proven
            expected: TRTLLM kernels with bf16 activations
            line: "INFO [mxfp4.py:547] Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE backend."
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
status_path:
  description: Where the watch of the start tells how it stands; null when there is none.
  returned: success
  type: str
rolled_back_to:
  description: The accepted description that a rollback went back to - its digest, image and time.
  returned: when O(rollback) is set
  type: dict
  sample: {sha256: 9f2c, image_id: "sha256:77aa", accepted: "2026-11-22T15:24:43Z"}
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
kernel_proof:
  description: As RV(server.kernel_proof), with the state C(contradicted).
  returned: when the server runs other kernels than were asked for
  type: dict
diagnosis:
  description: The class of the failure, a stable name; C(unknown) when it is none of those that docs/failures.md lists.
  returned: on most failures
  type: str
  sample: unknown_flag
docs:
  description: The page of this collection that tells more of the class, as a path below the collection's folder.
  returned: where RV(diagnosis) is
  type: str
  sample: docs/failures/unknown_flag.md
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bring_up import server_facts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_nodes import NodesError, with_gpu_nodes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._lifecycle import converge
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import problems
from ansible_collections.gpt_oss.fleet.plugins.module_utils._rollback import accept, effective, reject

# The states that are about what is kept of a description, by what is done then.
_KEEPING = {"accepted": ("accept", accept), "rejected": ("reject", reject)}

# The states in which there is a container to describe.
_DESCRIBED = ("present", "started", "restarted", *_KEEPING)


def argument_spec() -> dict[str, Any]:
    """Return the options, as in DOCUMENTATION."""
    return {
        "name": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["present", "started", "stopped", "restarted", "absent", "accepted", "rejected"],
            "default": "started",
        },
        "image": {"type": "str"},
        "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
        "model": {"type": "str"},
        "served_model_name": {"type": "str"},
        "arguments": {"type": "list", "elements": "str"},
        "entrypoint": {"type": "list", "elements": "str"},
        "environment": {"type": "dict"},
        "secret_environment": {"type": "dict", "no_log": True},
        "python_path": {"type": "list", "elements": "str"},
        "volumes": {"type": "list", "elements": "str"},
        "user": {"type": "str"},
        "port": {"type": "int", "default": 8000},
        "container_port": {"type": "int", "default": 8000},
        "bind_address": {"type": "str", "default": "127.0.0.1"},
        "network_mode": {"type": "str", "choices": ["bridge", "host"], "default": "bridge"},
        "gpus": {"type": "str", "default": "all"},
        "gpu_access": {
            "type": "str",
            "choices": ["device_requests", "cdi", "device_nodes"],
            "default": "device_requests",
        },
        "devices": {"type": "list", "elements": "str"},
        "ipc_mode": {"type": "str", "default": "host"},
        "shm_size": {"type": "str"},
        "ulimits": {"type": "dict"},
        "drop_capabilities": {"type": "list", "elements": "str", "default": []},
        "add_capabilities": {"type": "list", "elements": "str", "default": []},
        "security_options": {"type": "list", "elements": "str", "default": []},
        "read_only": {"type": "bool", "default": False},
        "tmpfs": {"type": "list", "elements": "str", "default": []},
        "pids_limit": {"type": "int", "default": 0},
        "restart_policy": {
            "type": "str",
            "choices": ["no", "on-failure", "always", "unless-stopped"],
            "default": "unless-stopped",
        },
        "labels": {"type": "dict"},
        "api_key_file": {"type": "path", "no_log": False},
        "wait": {"type": "bool", "default": True},
        "start": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 1800},
        "stage_timeouts": {"type": "dict"},
        "stop_timeout": {"type": "int"},
        "kernel_proof": {"type": "dict"},
        "drain_timeout": {"type": "int"},
        "rollback": {"type": "bool", "default": False},
        "proofs": {"type": "list", "elements": "str", "default": []},
        "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
        "background": {"type": "bool", "default": False},
        "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    }


def described(parameters: Mapping[str, Any], check_mode: bool) -> Mapping[str, Any]:
    """Return the parameters with the GPUs' device nodes; in check mode the driver may still be to come."""
    if parameters["state"] not in _DESCRIBED:
        return parameters
    try:
        return with_gpu_nodes(parameters)
    except NodesError as exc:
        if check_mode:
            return parameters
        raise ContainerError(f"{parameters['name']}: nothing was changed; {exc}") from exc


def whole(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with all variables in `environment`."""
    variables = {**(parameters["environment"] or {}), **(parameters["secret_environment"] or {})}
    return {**parameters, "environment": variables or None}


def bring_about(module: AnsibleModule) -> dict[str, Any]:
    """Reach the wanted state; return the result. Raises ContainerError and EngineError."""
    engine = connect(module.params["docker_host"])
    parameters, back_to = effective(engine, described(whole(module.params), module.check_mode))
    if parameters["state"] in _KEEPING:
        action, keep = _KEEPING[parameters["state"]]
        new = keep(engine, parameters, module.check_mode)
        server = server_facts(engine, parameters, None)
        return {
            "changed": new,
            "server": server,
            "actions": [action] if new else [],
            "drift": [],
            "status_path": None,
        }
    outcome = converge(engine, parameters, module.check_mode)
    for warning in outcome.warnings:
        module.warn(warning)
    situation = outcome.situation
    result = {
        "changed": outcome.changed,
        "diff": {"before": situation.before, "after": situation.after},
        "server": server_facts(engine, parameters, outcome.ready),
        "actions": situation.plan.actions,
        "drift": list(situation.drift),
        "status_path": outcome.status_path,
    }
    return {**result, "rolled_back_to": back_to} if back_to else result


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", state, ["image"]) for state in _DESCRIBED],
        supports_check_mode=True,
    )
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    found = problems(whole(module.params))
    if found:
        module.fail_json(msg=f"{module.params['name']}: nothing was changed. {'; '.join(found)}", problems=found)
    try:
        result = bring_about(module)
    except ContainerError as exc:
        module.fail_json(msg=str(exc), **exc.details)
    except EngineError as exc:
        told = diagnose_text(str(exc))
        failure = ContainerError(
            f"{module.params['name']}: {exc}", cause=told.cause, remedy=told.remedy, diagnosis=told.name
        )
        module.fail_json(msg=str(failure), exception=exc, **failure.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
