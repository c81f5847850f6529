from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._performance import performance_findings

EFFORTS = {"low": 1.0, "medium": 1.2, "high": 1.4}


def rows(speed: float, first: float = 0.1, latency: float = 5.0, **about: Any) -> list[dict[str, Any]]:
    """A server's rows: at each effort another speed, as its answers are longer."""
    return [
        {
            "server": "s",
            "model": "m",
            "task": "gpqa",
            "reasoning_effort": effort,
            "sampler": "responses",
            "concurrency": 64,
            "n_samples": 1584,
            "complete": True,
            "tokens_per_second": speed * factor,
            "latency": {"p50": latency * factor},
            "time_to_first_token": {"p50": first},
            **about,
        }
        for effort, factor in EFFORTS.items()
    ]


USUAL = [660.0, 668.0, 671.0, 655.0]


def fleet(*last: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {f"h{number}": own for number, own in enumerate([*(rows(speed) for speed in USUAL), *last])}


@pytest.mark.parametrize(
    ("last", "verdict", "words"),
    [
        (rows(661.0), "good", "tokens/s"),
        (rows(414.0), "suspect", "37 % below the fleet's"),
        (rows(580.0), "good", "12 % below the fleet's"),
        (rows(900.0), "good", "35 % above the fleet's"),
        (rows(660.0, first=0.35), "suspect", "0.35 s to the first token, 3.5 x the fleet's 0.1"),
        (rows(660.0, first=0.15), "good", "tokens/s"),
        (rows(660.0, latency=9.0), "suspect", "s median latency, 1.8 x the fleet's"),
    ],
)
def test_a_server_against_its_fleet(last: list[dict[str, Any]], verdict: str, words: str) -> None:
    found = performance_findings(fleet(last))
    assert [each.verdict for each in found] == ["good"] * 4 + [verdict]
    assert words in found[-1].reason and "tokens_per_second" in found[-1].numbers


@pytest.mark.parametrize(
    ("tolerance", "verdict", "expected"), [(0.5, "bad", "good"), (0.3, "bad", "bad"), (0.1, "suspect", "suspect")]
)
def test_tolerance_and_verdict_are_settings(tolerance: float, verdict: str, expected: str) -> None:
    assert performance_findings(fleet(rows(414.0)), tolerance, verdict)[-1].verdict == expected


def test_a_fleet_that_varies_by_itself() -> None:
    varying = {f"h{number}": rows(speed) for number, speed in enumerate((300.0, 450.0, 600.0, 800.0, 1100.0))}
    assert {each.verdict for each in performance_findings(varying)} == {"good"}


@pytest.mark.parametrize(
    "about",
    [{"concurrency": 8}, {"model": "other"}, {"n_samples": 198}, {"simulated": True}, {"complete": False}],
)
def test_only_like_is_compared(about: dict[str, Any]) -> None:
    found = performance_findings(fleet(rows(100.0, **about)))
    assert [each.host for each in found] == ["h0", "h1", "h2", "h3"]


def test_two_servers_are_no_fleet() -> None:
    assert performance_findings({"a": rows(600.0), "b": rows(100.0)}) == []


def test_slow_servers_do_not_move_the_median() -> None:
    found = performance_findings(fleet(rows(200.0), rows(210.0)))
    assert [each.verdict for each in found] == ["good"] * 4 + ["suspect"] * 2


def test_clock_and_power_of_the_gpus() -> None:
    cool: dict[str, Any] = {"gpu_load": {"sm_clock_mhz": 1830, "power_watts": 700}}
    hot: dict[str, Any] = {"gpu_load": {"sm_clock_mhz": 1200, "power_watts": 400}}
    fine = {f"h{number}": rows(speed, **cool) for number, speed in enumerate(USUAL)}
    reason = performance_findings({**fine, "hot": rows(430.0, **hot)})[-1].reason
    assert "1200 MHz SM clock, 34 % below the fleet's 1830" in reason and "400 W a GPU, 43 % below" in reason
    idle: dict[str, Any] = {"gpu_load": {"sm_clock_mhz": 1830, "power_watts": 400}}
    assert performance_findings({**fine, "thrifty": rows(660.0, **idle)})[-1].verdict == "good"
