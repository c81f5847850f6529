# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: liveness result - a judged server as the module returns it, with the evidence where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _processes, _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import environment_pairs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import page_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement, counted, generated
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import redact, secret_values
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import HEALTHY, PROCESS_STATES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._restarts import Restarts

_ENDED = ("dead", "restarting", "crash_loop")
_RESTARTED = ("restarting", "crash_loop")
_LOG_LINES = 1000
_SHOWN_LINES = 40
_GPU_FIELDS = ("index", "utilization.gpu", "memory.used", "memory.total")
_GPU_KEYS = ("index", "utilization_percent", "memory_used_mib", "memory_total_mib")
_NO_EVIDENCE: dict[str, Any] = {"diagnosis": None, "docs": None, "cause": None, "log": [], "processes": [], "gpus": []}


def blank(name: str, endpoint: str, judgement: Judgement) -> dict[str, Any]:
    """Return the result of a server of which nothing could be seen: all keys, empty."""
    return {
        "name": name,
        "endpoint": endpoint,
        "verdict": judgement.verdict,
        "healthy": judgement.verdict in HEALTHY,
        "sentence": judgement.sentence,
        "remedy": judgement.remedy,
        "status": None,
        "restart_policy": None,
        "exit_code": None,
        "started": None,
        "uptime_seconds": None,
        "requests_running": None,
        "requests_waiting": None,
        "generation_tokens_per_second": None,
        "prompt_tokens_per_second": None,
        "kv_cache_usage": None,
        "engines": 0,
        "probe": "unused",
        "probe_seconds": None,
        "watched_seconds": 0.0,
        "restarts": None,
        "restarts_since_last_look": None,
        "restarted_at": [],
        **_NO_EVIDENCE,
    }


def result(case: Case, judgement: Judgement, restarts: Optional[Restarts], endpoint: str) -> dict[str, Any]:
    """Return what was seen of a server, without evidence."""
    return {
        **blank(case.name, endpoint, judgement),
        **_container(case),
        **_counters(case),
        "probe": case.probe.state,
        "probe_seconds": round(case.probe.seconds, 3) if case.probe.state == "answered" else None,
        "watched_seconds": round(case.watched, 1),
        "restarts": restarts.total if restarts else None,
        "restarts_since_last_look": restarts.count if restarts else None,
        "restarted_at": [_utc(restart.at) for restart in restarts.known] if restarts else [],
    }


def with_evidence(
    found: dict[str, Any], case: Case, engine: Engine, commands: Commands, secrets: Iterable[Optional[str]]
) -> dict[str, Any]:
    """Return a result with what helps to mend it: for an end its diagnosis, for an engine that hangs its processes."""
    container = case.last.container
    if found["healthy"] or container is None:
        return found
    known = [*secrets, *_environment_secrets(engine, case.name)]
    # Of a server that was restarted, the run that ended tells why.
    ended_before = container.started if found["verdict"] in _RESTARTED and container.serves else None
    lines = _last_lines(engine, container.id, known, ended_before)
    evidence: dict[str, Any] = {"log": lines[-_SHOWN_LINES:]}
    if found["verdict"] in _ENDED:
        ended = None if container.serves else container.exit_code
        diagnosis = diagnose(lines, ended, container.oom_killed)
        evidence.update(diagnosis=diagnosis.name, docs=page_of(diagnosis.name), cause=redact(diagnosis.cause, known))
        if diagnosis.name != "unknown" and found["verdict"] != "restarting":
            evidence["remedy"] = f"{diagnosis.remedy}; then: {found['remedy']}"
    if found["verdict"] == "stuck":
        evidence.update(_hang(found, _processes.of_container(container.id, container.pid)), gpus=_gpus(commands))
    return {**found, **evidence}


def _container(case: Case) -> dict[str, Any]:
    container = case.last.container
    if container is None:
        return {}
    return {
        "status": container.status,
        "restart_policy": container.restart_policy,
        "exit_code": None if container.serves else container.exit_code,
        "started": _utc(container.started) if container.started else None,
        "uptime_seconds": round(case.now - container.started, 1) if container.serves and container.started else None,
    }


def _counters(case: Case) -> dict[str, Any]:
    first, last = counted(case)[0], case.last.total
    if last is None or first.total is None:
        return {}
    seconds = max(case.last.at - first.at, 0.001)
    # A prompt's tokens are told apart from the probe's by nothing: beside no other requests they are left out.
    prompt = 0.0 if case.probe.tokens else max(0.0, last.prompt_tokens - first.total.prompt_tokens)
    return {
        "requests_running": last.requests_running,
        "requests_waiting": last.requests_waiting,
        "generation_tokens_per_second": round(generated(case) / seconds, 1),
        "prompt_tokens_per_second": round(prompt / seconds, 1),
        "kv_cache_usage": last.kv_cache_usage,
        "engines": len(case.last.engines or {}),
    }


def _hang(found: dict[str, Any], processes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the processes of an engine that hangs, and what their states say about it."""
    odd = _processes.hindered(processes)
    if odd is None:
        return {"processes": processes}
    state, remedy = PROCESS_STATES[odd["state"]]
    place = f", in {odd['waits_in']}" if odd["waits_in"] else ""
    return {
        "processes": processes,
        "sentence": f"{found['sentence']}; {odd['name']} (process {odd['pid']}) is {state} ({odd['state']}{place})",
        "remedy": remedy.format(name=found["name"], pid=odd["pid"]) if found["status"] != "paused" else found["remedy"],
    }


def _gpus(commands: Commands) -> list[dict[str, Any]]:
    answer = commands.run("nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits")
    if answer is None or answer.code != 0:
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.output.splitlines()]
    return [
        {key: int(cell) if cell.isdigit() else None for key, cell in zip(_GPU_KEYS, row)}
        for row in rows
        if len(row) == len(_GPU_KEYS)
    ]


def _last_lines(
    engine: Engine, container_id: str, secrets: list[Optional[str]], before: Optional[float] = None
) -> list[str]:
    """Return the last lines of the log, of those written before that time (seconds since the epoch) if one is given."""
    try:
        lines = list(engine.log_lines(container_id, tail=_LOG_LINES))
    except EngineError as exc:
        return [f"(no log: {exc})"]
    if before is not None:
        lines = [line for line in lines if (_stages.epoch(line.partition(" ")[0]) or 0.0) < before]
    return redact("\n".join(_stages.last_shown(line) for line in lines), secrets).split("\n")


def _environment_secrets(engine: Engine, name: str) -> list[str]:
    config = (engine.inspect(name) or {}).get("Config") or {}
    return secret_values(environment_pairs(config.get("Env")))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
