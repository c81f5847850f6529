from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _liveness_result
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case, Probe, Settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._restarts import Restart, Restarts
from test_liveness import NOW, container, one, seen


class Smi:
    """A host's nvidia-smi."""

    def __init__(self, answer: Optional[Answer]) -> None:
        self.answer = answer

    def has(self, name: str) -> bool:
        return self.answer is not None

    def run(self, *command: str) -> Optional[Answer]:
        assert command[0] == "nvidia-smi"
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


def test_what_was_counted() -> None:
    row = found(case(one(0, 2, 100, 0.1), one(2, 3, 150, 0.2, 4)))
    assert (row["requests_running"], row["requests_waiting"], row["kv_cache_usage"], row["engines"]) == (3, 4, 0.2, 1)
    assert (row["generation_tokens_per_second"], row["watched_seconds"], row["healthy"]) == (25.0, 2.0, True)
    assert (row["restarts"], row["restarts_since_last_look"]) == (3, 1)
    assert row["restarted_at"] == ["1970-01-12T13:46:40Z"]
    assert (row["uptime_seconds"], row["exit_code"], row["status"]) == (3600.0, None, "running")


def test_the_probes_tokens_are_nobodys() -> None:
    row = found(case(one(0, 0, 100), one(1, 0, 116), probe=Probe("answered", 0.25, 16)))
    assert (row["generation_tokens_per_second"], row["prompt_tokens_per_second"]) == (0.0, 0.0)
    assert (row["probe"], row["probe_seconds"]) == ("answered", 0.25)


def test_nothing_was_counted() -> None:
    ended = container(status="exited", running=False, exit_code=137)
    row = found(case(seen(0, health=None, container=ended)))
    assert (row["requests_running"], row["kv_cache_usage"], row["engines"]) == (None, None, 0)
    assert (row["exit_code"], row["uptime_seconds"]) == (137, None)


def test_each_result_has_the_same_keys() -> None:
    blank = _liveness_result.blank("s", "", Judgement("absent", "", ""))
    rows = [found(case(one(0))), found(case(seen(0))), found(case(seen(0, container=None)))]
    assert all(list(row) == list(blank) for row in rows)
