# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.vllm_liveness: whether a deployed server makes progress, and what is wrong where it does not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_liveness
short_description: Tell a busy vLLM server from a dead one, by the progress that it makes
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - C(/health) of vLLM answers 200 while the engine's process exists, hanging or not. So this module watches the
    counters in C(/metrics) - a server whose tokens move is busy, and one that has requests and moves nothing hangs.
  - A long prefill is not called dead. While it lasts, no token is counted, but the use of the KV cache grows with each
    step.
  - Where there are no requests, nothing can move, and the counters of an engine that hangs say the same. So a tiny
    completion is asked for, unless O(probe=false).
  - Knows from the Docker Engine of containers that ended or that go in circles. vLLM ends with exit code 0 when its
    engine dies, and a restart policy brings it back, so without a look at the restarts nobody would hear of it.
  - Restarts are remembered in a file, and each is reported once.
  - Fails on the verdicts of O(fail_on). It never reports a change, as it is a look - the file is its own memory, and
    nothing that anyone described differs after it.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Looks in check mode too, and remembers nothing.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
options:
  name:
    description: The container's name.
    type: str
    required: true
  base_url:
    description:
      - The server's address, ending in C(/v1).
      - By default made of O(bind_address) and O(port).
    type: str
  port:
    description: The port on the host, as for M(gpt_oss.fleet.vllm_container).
    type: int
    default: 8000
  bind_address:
    description: The address of the host at which the port is published.
    type: str
    default: 127.0.0.1
  model:
    description:
      - The name under which the server must list its model.
      - Without it, any model will do.
    type: str
  api_key_file:
    description: A file on the host that holds the API key.
    type: path
  window:
    description:
      - For how many seconds the server is watched for progress at least. A server that generates tokens, and one that
        answers the probe, is not watched so long.
    type: float
    default: 5
  stall_seconds:
    description:
      - For how many seconds nothing may move before a server with requests, or one that does not answer the probe, is
        called stuck. A healthy server is never watched so long.
      - One step of the engine must fit into it. A step is a part of a prefill of at most C(--max-num-batched-tokens),
        which takes seconds at the most on a GPU.
    type: float
    default: 60
  start_seconds:
    description: For how many seconds after its start a container that does not listen yet is only starting.
    type: float
    default: 1800
  probe:
    description:
      - Whether a tiny completion (16 tokens at most) may be asked for where the counters alone cannot tell.
      - A server that is busy is not asked, and a probe that waits behind others is no failure while their tokens move.
    type: bool
    default: true
  restarts_allowed:
    description: How many restarts since the last look are no failure.
    type: int
    default: 0
  fail_on:
    description:
      - The verdicts that fail the module.
      - V(unknown) is a server that cannot be judged, because it counts nothing and may not be asked, or because the
        probe was refused.
    type: list
    elements: str
    choices:
      - idle
      - busy
      - prefilling
      - starting
      - stuck
      - dead
      - restarting
      - crash_loop
      - wrong_server
      - unreachable
      - absent
      - unknown
    default: [stuck, dead, crash_loop, restarting, wrong_server, unreachable, absent, unknown]
  state_path:
    description:
      - The folder on the host for what is remembered, in NAME/C(liveness.json). Written only when there is something
        new.
      - Where it cannot be written, a warning is given, and restarts are reported again the next time.
    type: path
    default: /var/lib/gpt_oss/servers
seealso:
  - module: gpt_oss.fleet.vllm_container
  - module: gpt_oss.fleet.status_report
"""

EXAMPLES = r"""
- name: See whether the server lives
  gpt_oss.fleet.vllm_liveness:
    name: gpt-oss-20b
    model: openai/gpt-oss-20b

- name: Look without asking for anything, and fail on nothing
  gpt_oss.fleet.vllm_liveness:
    name: gpt-oss-20b
    probe: false
    fail_on: []
  register: look
"""

RETURN = r"""
liveness:
  description: The server. What is not known is null.
  returned: always, but where the module cannot run
  type: dict
  contains:
    name:
      description: The container's name.
      type: str
    endpoint:
      description: The base URL that was asked.
      type: str
    verdict:
      description:
        - C(idle) - no requests, and it answered the probe. C(busy) - tokens move. C(prefilling) - it has requests and
          no token yet, but the engine moves, or has not been still for long. C(starting) - it does not listen yet.
        - C(stuck) - it hangs. C(dead) - the engine died, or the container ended. C(restarting) - Docker restarted it
          since the last look, or is about to. C(crash_loop) - it was restarted several times in a short time, or in
          vain. C(wrong_server) - another model, another key, or no vLLM. C(unreachable) - the server no longer
          listens, or the Docker Engine cannot be asked. C(absent) - there is no such container. C(unknown) - it cannot
          be told.
      type: str
    healthy:
      description: Whether the verdict is idle, busy, prefilling or starting.
      type: bool
    sentence:
      description: What was seen.
      type: str
      sample: 1 request running, 0 waiting, and no counter moved for 60 s though /health answers 200
    remedy:
      description: What to do.
      type: str
    status:
      description: The engine's word for the container's state.
      type: str
    restart_policy:
      description: The container's restart policy.
      type: str
    exit_code:
      description: The exit code, where the container does not run.
      type: int
    started:
      description: When the container was last started, in UTC.
      type: str
    uptime_seconds:
      description: For how long it has run since.
      type: float
    requests_running:
      description: The requests that are being computed, of all engines together.
      type: int
    requests_waiting:
      description: The requests that wait for room.
      type: int
    generation_tokens_per_second:
      description: Tokens generated while it was watched, the probe's left out.
      type: float
    prompt_tokens_per_second:
      description: Tokens of prompts whose prefill ended while it was watched.
      type: float
    kv_cache_usage:
      description: The share of the KV cache that is in use, from 0 to 1, of the fullest engine.
      type: float
    engines:
      description: How many engines count. With data parallelism there are several.
      type: int
    probe:
      description: What became of the probe, C(unused), C(waiting), C(answered) or C(failed).
      type: str
    probe_seconds:
      description: How long its answer took.
      type: float
    watched_seconds:
      description: For how long the server was watched.
      type: float
    restarts:
      description: How often Docker restarted the container since somebody started it.
      type: int
    restarts_since_last_look:
      description: How many of them are new since the last look.
      type: int
    restarted_at:
      description: When the restarts that are known of ended, in UTC. Of several between two looks, the last one's time.
      type: list
      elements: str
    diagnosis:
      description: The class of the failure, for a server that ended.
      type: str
      sample: engine_died
    docs:
      description: The page of this collection that tells more of the class, as a path below the collection's folder.
      type: str
      sample: docs/failures/engine_died.md
    cause:
      description: Its cause, as the log tells it.
      type: str
    log:
      description: The last lines of the log, secrets masked, where something is wrong.
      type: list
      elements: str
    processes:
      description:
        - The container's processes where it is stuck, each with C(pid) on the host, C(name), C(state) as ps shows it
          (C(T) for stopped, C(D) for waiting in the kernel), and C(waits_in), the kernel's function.
      type: list
      elements: dict
    gpus:
      description:
        - The GPUs where it is stuck and nvidia-smi is there, each with C(index), C(utilization_percent),
          C(memory_used_mib) and C(memory_total_mib).
      type: list
      elements: dict
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _liveness_result,
    _private_folder,
    _restarts,
    _spec,
    _text_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import ModuleCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import (
    DOCKER_IMPORT_ERROR,
    Engine,
    EngineError,
    connect,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness_watch import Watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case, Settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import REMEDIES, VERDICTS

ARGUMENT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "base_url": {"type": "str"},
    "port": {"type": "int", "default": 8000},
    "bind_address": {"type": "str", "default": "127.0.0.1"},
    "model": {"type": "str"},
    "api_key_file": {"type": "path", "no_log": False},
    "window": {"type": "float", "default": 5},
    "stall_seconds": {"type": "float", "default": 60},
    "start_seconds": {"type": "float", "default": 1800},
    "probe": {"type": "bool", "default": True},
    "restarts_allowed": {"type": "int", "default": 0},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": list(VERDICTS),
        "default": [
            "stuck",
            "dead",
            "crash_loop",
            "restarting",
            "wrong_server",
            "unreachable",
            "absent",
            "unknown",
        ],
    },
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def look(module: AnsibleModule, engine: Engine, api: Api, key: str | None) -> dict[str, Any]:
    """Return the server as it was seen. Raises EngineError."""
    params = module.params
    settings = Settings(
        params["model"], params["window"], params["stall_seconds"], params["start_seconds"], params["probe"]
    )
    case, judgement = Watch(engine, api, params["name"], settings).run()
    restarts = recall(module, case)
    if restarts is not None:
        judgement = _restarts.with_restarts(judgement, restarts, params["restarts_allowed"], case.name, time.time())
    found = _liveness_result.result(case, judgement, restarts, api.base_url)
    return _liveness_result.with_evidence(found, case, engine, ModuleCommands(module), [key])


def recall(module: AnsibleModule, case: Case) -> _restarts.Restarts | None:
    """Return the restarts since the last look, and remember them."""
    container = case.last.container
    if container is None:
        return None
    path = Path(module.params["state_path"]) / case.name / "liveness.json"
    try:
        memory = _restarts.read_memory(_text_files.read(str(path)))
        restarts = _restarts.restarts_of(container, memory, case.last.health == 200, case.now)
        fresh = _restarts.renewed(container, memory, restarts, case.now)
        if fresh != memory and not module.check_mode:
            _text_files.put(str(path), _restarts.write_memory(fresh))
    except OSError as exc:
        restarts = _restarts.restarts_of(container, None, case.last.health == 200, case.now)
        module.warn(f"expected to remember restarts in {path}, could not: {exc}; let the module write there")
    return restarts


def main() -> None:
    """Run the module."""
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    params = module.params
    try:
        key = read_api_key(params["api_key_file"])
        api = Api(params["base_url"] or _spec.endpoint(params), key)
    except ApiError as exc:
        module.fail_json(msg=f"{params['name']}: {exc}", exception=exc)
    try:
        found = look(module, connect(params["docker_host"]), api, key)
    except EngineError as exc:
        judgement = Judgement("unreachable", str(exc), REMEDIES["engine_unreachable"])
        found = _liveness_result.blank(params["name"], api.base_url, judgement)
    told = f"{found['name']} is {found['verdict']}: {found['sentence']}"
    if found["verdict"] in params["fail_on"]:
        cause = f" Cause: {found['cause']}." if found["cause"] else ""
        module.fail_json(msg=f"{told}.{cause} Remedy: {found['remedy']}.", liveness=found)
    module.exit_json(changed=False, msg=told, liveness=found)


if __name__ == "__main__":
    main()
