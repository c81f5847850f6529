from __future__ import annotations

import dataclasses
from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _liveness_result
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case, Probe, Settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._restarts import Restart, Restarts
from test_liveness import NOW, container, engine, one, seen


class Smi:
    """A host's nvidia-smi."""

    def __init__(self, answer: Optional[Answer]) -> None:
        self.answer = answer

    def has(self, name: str) -> bool:
        return self.answer is not None

    def run(self, *command: str) -> Optional[Answer]:
        assert command == (
            "nvidia-smi",
            "--query-gpu=index,utilization.gpu,memory.used,memory.total",
            "--format=csv,noheader,nounits",
        )
        return self.answer


GPUS: list[tuple[Optional[Answer], list[dict[str, Any]]]] = [
    (None, []),
    (Answer(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."), []),
    (
        Answer(0, "0, 100, 171000, 183359\n1, [N/A], 4, 183359\nsomething else\n"),
        [
            {"index": 0, "utilization_percent": 100, "memory_used_mib": 171000, "memory_total_mib": 183359},
            {"index": 1, "utilization_percent": None, "memory_used_mib": 4, "memory_total_mib": 183359},
        ],
    ),
]


@pytest.mark.parametrize(("answer", "rows"), GPUS)
def test_gpus(answer: Optional[Answer], rows: list[dict[str, Any]]) -> None:
    assert _liveness_result._gpus(Smi(answer)) == rows


def case(*observations: Any, **fields: Any) -> Case:
    return Case("s", Settings(), observations, NOW, **fields)


def found(known: Case) -> dict[str, Any]:
    restarts = Restarts(1, 3, (Restart(1_000_000.0, 1),), False)
    return _liveness_result.result(known, Judgement("busy", "it is", "nothing"), restarts, "http://h/v1")


NOTHING = {
    "name": "s", "endpoint": "http://h/v1", "verdict": "dead", "healthy": False, "sentence": "it is", "remedy": "mend",
    "status": None, "restart_policy": None, "exit_code": None, "started": None, "uptime_seconds": None,
    "requests_running": None, "requests_waiting": None, "generation_tokens_per_second": None,
    "prompt_tokens_per_second": None, "kv_cache_usage": None, "engines": 0, "probe": "unused", "probe_seconds": None,
    "watched_seconds": 0.0, "restarts": None, "restarts_since_last_look": None, "restarted_at": [],
    "diagnosis": None, "docs": None, "cause": None, "log": [], "processes": [], "gpus": [],
}  # fmt: skip


def test_a_server_of_which_nothing_could_be_seen() -> None:
    assert _liveness_result.blank("s", "http://h/v1", Judgement("dead", "it is", "mend")) == NOTHING


def test_a_server_that_works() -> None:
    row = found(case(one(0, 2, 100, 0.1), one(2, 3, 150, 0.2, 4)))
    assert row == {
        **NOTHING, "verdict": "busy", "healthy": True, "remedy": "nothing", "status": "running",
        "restart_policy": "unless-stopped", "started": "1970-01-12T12:46:40Z", "uptime_seconds": 3600.0,
        "requests_running": 3, "requests_waiting": 4, "generation_tokens_per_second": 25.0,
        "prompt_tokens_per_second": 0.0, "kv_cache_usage": 0.2, "engines": 1, "watched_seconds": 2.0,
        "restarts": 3, "restarts_since_last_look": 1, "restarted_at": ["1970-01-12T13:46:40Z"],
    }  # fmt: skip


def test_tokens_of_prompts() -> None:
    def look(at: float, prompt_tokens: float) -> Any:
        return seen(at, {"0": dataclasses.replace(engine(1, 5), prompt_tokens=prompt_tokens)})

    rates = [found(case(look(0, 10), look(4, later)))["prompt_tokens_per_second"] for later in (1010, 10, 0)]
    assert rates == [250.0, 0.0, 0.0]  # the last was started anew


def test_the_probes_tokens_are_nobodys() -> None:
    row = found(case(one(0, 0, 100), one(1, 0, 116), probe=Probe("answered", 0.25, 16)))
    assert (row["generation_tokens_per_second"], row["prompt_tokens_per_second"]) == (0.0, 0.0)
    assert (row["probe"], row["probe_seconds"]) == ("answered", 0.25)


def test_nothing_was_counted() -> None:
    ended = container(status="exited", running=False, exit_code=137)
    row = found(case(seen(0, health=None, container=ended)))
    assert (row["requests_running"], row["kv_cache_usage"], row["engines"]) == (None, None, 0)
    assert (row["exit_code"], row["uptime_seconds"], row["started"]) == (137, None, "1970-01-12T12:46:40Z")
    never = found(case(seen(0, health=None, container=container(status="created", running=False, started=None))))
    assert (never["started"], never["uptime_seconds"], never["status"]) == (None, None, "created")


def test_each_result_has_the_same_keys() -> None:
    blank = _liveness_result.blank("s", "", Judgement("absent", "", ""))
    rows = [found(case(one(0))), found(case(seen(0))), found(case(seen(0, container=None)))]
    assert all(list(row) == list(blank) for row in rows)
