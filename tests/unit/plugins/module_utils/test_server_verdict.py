from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import engine_counters
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, Observation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch, epoch_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import judge

RUNNING = Container("c", "running", True, False, False, 0, False, 7, 0, "no", 1.0, 2.0, None)


def container(**changes: Any) -> Container:
    return Container(**{**RUNNING.__dict__, **changes})


def look(at: float, health: int | None = 200, tokens: int | None = None, requests: int = 1, **more: Any) -> Observation:
    engines = None
    if tokens is not None:
        engines = engine_counters(
            f'vllm:num_requests_running{{engine="0"}} {requests}\nvllm:generation_tokens_total{{engine="0"}} {tokens}\n'
        )
    return Observation(at, more.pop("container", None), health, engines=engines, **more)


REFUSED: dict[str, Any] = {"health": None, "problem": "cannot connect"}
SILENT: dict[str, Any] = {"health": None, "problem": "no answer", "silent": True}
CASES: list[tuple[list[Observation], bool, str, str]] = [
    ([look(0)], False, "well", ""),
    ([look(0, 404)], False, "well", ""),  # not every server has /health
    ([look(0, 503)], False, "dead", "/health answers 503"),
    ([look(0), look(1, **REFUSED)], False, "slow", "cannot connect"),
    ([look(0), look(1, **REFUSED), look(1.5, **REFUSED)], False, "slow", "cannot connect"),
    ([look(0), look(1, **REFUSED), look(2, **REFUSED)], False, "dead", "cannot connect"),
    ([look(0, **REFUSED), look(1), look(2, **REFUSED)], False, "slow", ""),
    ([look(0, **SILENT), look(9, **SILENT)], False, "slow", "does not answer"),
    ([look(0, **SILENT), look(10, **SILENT)], False, "stuck", "does not answer"),
    ([look(0, tokens=5), look(5, tokens=5), look(10, tokens=5)], False, "stuck", "1 requests running"),
    ([look(0, tokens=5), look(5, tokens=6), look(10, tokens=6)], False, "well", ""),
    ([look(0, tokens=5), look(9, tokens=5)], False, "well", ""),
    ([look(0, tokens=5, requests=0), look(10, tokens=5, requests=0)], False, "well", ""),
    ([look(0, tokens=5), look(5), look(10, tokens=5)], False, "stuck", "no counter of engine 0"),
    ([look(0)], True, "dead", "its container is gone"),
    ([look(0, container=RUNNING)], True, "well", ""),
    ([look(0, container=container(running=False, exit_code=137, oom_killed=True))], True, "dead", "137, out of memory"),
    ([look(0, container=container(restarting=True, exit_code=1))], True, "dead", "exit code 1"),
    ([look(0, container=container(paused=True))], True, "stuck", "is paused"),
]


@pytest.mark.parametrize(("seen", "contained", "name", "text"), CASES)
def test_verdicts(seen: list[Observation], contained: bool, name: str, text: str) -> None:
    verdict = judge(seen, contained, 10.0)
    assert verdict.name == name
    assert text in verdict.text
    assert verdict.down is (name in ("dead", "stuck"))


def test_an_epoch_is_told_by_the_container_or_else_by_the_process() -> None:
    metrics = "# HELP process_start_time_seconds x\nprocess_start_time_seconds 1.5e+09\n"
    assert epoch_of(RUNNING, metrics, "1") == Epoch("c", 2.0, "1")
    assert epoch_of(None, metrics, "1") == Epoch(None, 1.5e9, "1")
    assert epoch_of(None, None, None) == epoch_of(None, "no metrics", None) == Epoch(None, None, None)
    assert epoch_of(None, metrics, "1").event("2026-01-01", "it died") == {
        "event": "epoch", "at": "2026-01-01", "container_id": None, "started": 1.5e9, "version": "1",
        "cause": "it died",
    }  # fmt: skip
