from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Limits, Unit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import fingerprint_findings, judge
from fingerprint_examples import row, units

GOOD = [row(ripple=0.001 * number) for number in range(5)]
NONE: dict[str, Any] = {"server": "s", "problem": "connection refused", "replies": []}


def repeat(mean: float) -> dict[str, Any]:
    return {"mean": mean, "largest": 3.0, "n_top_differ": 9, "n_positions": 112}


def verdicts(*rows: dict[str, Any], against: list[dict[str, Any]] | None = None, **options: Any) -> list[str]:
    own = units(*rows)
    peers = own if against is None else [Unit(f"p{number}", each) for number, each in enumerate(against)]
    return [each.verdict for each in judge(own, peers, **options)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(GOOD, ["good"] * 5, id="all agree"),
        pytest.param([*GOOD[:2], row(0.3)], ["good", "good", "bad"], id="one of three"),
        pytest.param([*GOOD[:3], row(0.3)], ["good"] * 3 + ["bad"], id="one of four"),
        pytest.param([*GOOD[:3], row(0.3), row(0.3)], ["good"] * 3 + ["bad"] * 2, id="two alike of five"),
        pytest.param([*GOOD[:3], row(0.3), row(-0.4)], ["good"] * 3 + ["bad"] * 2, id="two apart of five"),
        pytest.param([*GOOD[:2], row(0.3), row(0.3)], ["suspect"] * 4, id="two against two"),
        pytest.param([GOOD[0], row(0.3)], ["suspect"] * 2, id="one against one"),
        pytest.param(GOOD[:2], ["good"] * 2, id="two agree"),
        pytest.param([GOOD[0]], ["unjudged"], id="alone"),
        pytest.param([*GOOD[:3], row(0.004)], ["good"] * 4, id="rounding"),
        pytest.param([*GOOD[:3], row(0.015)], ["good"] * 3 + ["suspect"], id="more than the others, but little"),
        pytest.param([*GOOD[:3], NONE], ["good"] * 3 + ["missing"], id="none was taken"),
        pytest.param([*GOOD[:3], row(moe_activation="mxfp8")], ["good"] * 3 + ["unjudged"], id="another mode as told"),
        pytest.param([*GOOD[:3], row(model="x")], ["good"] * 3 + ["unjudged"], id="another model"),
        pytest.param([*GOOD[:3], row(0.05, vllm_version="0.33.0")], ["good"] * 4, id="another build rounds otherwise"),
        pytest.param([*GOOD[:3], row(0.3, vllm_version="0.33.0")], ["good"] * 3 + ["bad"], id="another build is bad"),
        pytest.param(
            [*GOOD[:3], row(repeat={"mean": 0.2, "largest": 3.0, "n_top_differ": 9, "n_positions": 112})],
            ["good"] * 3 + ["bad"],
            id="differs from itself",
        ),
    ],
)
def test_verdicts_of_a_fleet(rows: list[dict[str, Any]], expected: list[str]) -> None:
    assert verdicts(*rows) == expected
    assert verdicts(*reversed(rows)) == expected[::-1]


@pytest.mark.parametrize(
    ("ripples", "shift", "expected"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0.03, "bad"),
        # The fleet's own spread: all are some hundredths from the middle, so 0.03 is nothing special there.
        ([0.03, -0.04, 0.05, -0.06], 0.03, "good"),
        ([0.03, -0.04, 0.05, -0.06], 0.3, "bad"),
    ],
)
def test_the_fleet_s_own_spread_is_allowed(ripples: list[float], shift: float, expected: str) -> None:
    assert verdicts(*(row(ripple=ripple) for ripple in ripples), row(shift))[-1] == expected


@pytest.mark.parametrize(
    ("new", "against", "expected"),
    [
        (row(), GOOD[:1], "good"),
        (row(0.3), GOOD[:1], "bad"),
        (row(0.3), GOOD, "bad"),
        (row(0.3), [], "unjudged"),
    ],
)
def test_a_new_host_against_accepted_ones(new: dict[str, Any], against: list[dict[str, Any]], expected: str) -> None:
    assert verdicts(new, against=against) == [expected]


@pytest.mark.parametrize(
    ("rows", "baseline", "expected"),
    [
        ([row()], [row()], ["good"]),
        ([row(0.3)], [row()], ["bad"]),
        # A fleet that agrees with itself may be wrong as a whole.
        ([row(0.3), row(0.3), row(0.3)], [row()], ["bad"] * 3),
        ([row(0.05)], [row(vllm_version="0.31.0")], ["good"]),
        ([row()], [row(model="other")], ["unjudged"]),
        # Of two that differ the baseline tells which one is off, and of four halves which half.
        ([row(), row(0.3)], [row()], ["good", "bad"]),
        ([row(), row(), row(0.3), row(0.3)], [row()], ["good", "good", "bad", "bad"]),
        ([row(), row(0.3)], [row(model="other")], ["suspect", "suspect"]),
        # What a server differs from itself by is no evidence; more than 0.1 is never excused.
        ([row(0.05)], [row()], ["bad"]),
        ([row(0.05, repeat=repeat(0.04))], [row()], ["suspect"]),
        ([row(0.05, repeat=repeat(0.01))], [row()], ["bad"]),
        ([row(0.15, repeat=repeat(0.09))], [row()], ["bad"]),
    ],
)
def test_a_baseline_judges_too(rows: list[dict[str, Any]], baseline: list[dict[str, Any]], expected: list[str]) -> None:
    assert verdicts(*rows, baseline=baseline) == expected


def reason(*rows: dict[str, Any]) -> str:
    return judge(units(*rows), units(*rows))[-1].reasons[0]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (row(0.3, flips=9), "differs from the fleet's: mean |d log p| 0.300"),
        (row(0.3, flips=9), "18 of 112 top tokens differ"),
        (row(0.3), "wrong weights, revision or MoE mode, or a computing error"),
        (row(0.3, revision="r2"), "its revision is r2, not r1"),
        (row(0.3, image_digest="sha256:2"), "its image is sha256:2, not sha256:1"),
        (row(repeat=repeat(0.2)), "differs from its own"),
        (row(0.05, repeat=repeat(0.04)), "differs from itself by 0.040, as one that answers other requests does"),
    ],
)
def test_reasons(bad: dict[str, Any], words: str) -> None:
    assert words in reason(*GOOD[:4], bad)


def test_the_size_is_told_in_the_fleet_s_spreads() -> None:
    assert "0.286, 21 x the fleet's spread" in reason(*(row(ripple=r) for r in (0.03, -0.03, 0.03, -0.03)), row(0.3))


def replicas(*shifts: float) -> list[Unit]:
    return [Unit("h", row(shift, server=f"s-{gpu}", gpus=str(gpu))) for gpu, shift in enumerate(shifts)]


@pytest.mark.parametrize(
    ("own", "others", "words"),
    [
        (replicas(0.0, 0.0, 0.3, 0.0), [], "the host's other 3 servers agree, so look at GPU 2"),
        (replicas(0.0, 0.3), units(*GOOD), "the host's other server agrees, so look at GPU 1"),
        (replicas(0.3, 0.3, 0.3), units(*GOOD), "all 3 servers of the host differ, so it is no single GPU"),
        (replicas(0.3), units(*GOOD), "or a computing error"),
    ],
)
def test_the_gpu_or_the_host_is_named(own: list[Unit], others: list[Unit], words: str) -> None:
    [*_rest, last] = [each for each in judge([*others, *own], [*others, *own]) if each.verdict == "bad"]
    assert last.reasons[0].endswith(words)


def test_texts_that_are_cut_into_other_tokens() -> None:
    other = row()
    other["replies"][0] = {**other["replies"][0], "tokens": "xyz"}
    judged = judge(units(*GOOD[:3], other), units(*GOOD[:3], other))
    assert [each.verdict for each in judged] == ["good"] * 3 + ["bad"]
    assert "1 texts are cut into other tokens" in judged[-1].reasons[0]


def test_a_tolerance_moves_the_other_limits_only_up() -> None:
    assert Limits.of(0.01) == Limits(0.005, 0.01, 0.1, 0.1)
    assert Limits.of(0.5) == Limits(0.005, 0.5, 0.5, 0.5)


def test_findings_of_the_servers_that_are_there() -> None:
    rows = {f"h{number}": [each, row(0.9, server="gone")] for number, each in enumerate([*GOOD[:3], row(0.3)])}
    found = fingerprint_findings({**rows, "h9": [NONE]}, {host: ["s"] for host in [*rows, "h9"]})
    assert [(each.host, each.verdict) for each in found] == [
        ("h0", "good"),
        ("h1", "good"),
        ("h2", "good"),
        ("h3", "bad"),
        ("h9", "missing"),
    ]
    assert found[3].kind == "fingerprint" and found[3].numbers["mean"] == pytest.approx(0.3, abs=0.01)
    assert fingerprint_findings({"h": [row()]}, {"h": ["s"]}) == []
    assert fingerprint_findings(rows, {host: ["s"] for host in rows}, since=1001) == []
