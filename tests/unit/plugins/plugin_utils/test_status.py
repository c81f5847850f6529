from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness_result import blank
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._status import fleet_status
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._status_table import duration, status_table


def row(name: str = "gpt-oss-20b", verdict: str = "idle", wrong: bool = False, **fields: Any) -> dict[str, Any]:
    judgement = Judgement(verdict, f"it is {verdict}", "do this and that")
    return {**blank(name, "http://127.0.0.1:8000/v1", judgement), "wrong": wrong, **fields}


BUSY: dict[str, Any] = {
    "requests_running": 12, "requests_waiting": 3, "generation_tokens_per_second": 1234.5, "kv_cache_usage": 0.123,
    "restarts": 4, "restarts_since_last_look": 1, "uptime_seconds": 7300.0,
}  # fmt: skip


def host(*servers: dict[str, Any], problem: str = "") -> dict[str, Any]:
    return {"servers": list(servers), "problem": problem}


def test_a_fleet_that_is_well() -> None:
    found = fleet_status({"a": host(row(), row("other", "busy")), "b": host(row())})
    assert found["sentence"] == "All well: 3 servers on 2 hosts: 1 busy, 2 idle."
    assert found["wrong"] == [] and [(each["host"], each["name"]) for each in found["servers"]] == [
        ("a", "gpt-oss-20b"),
        ("a", "other"),
        ("b", "gpt-oss-20b"),
    ]


def test_each_host_has_a_row() -> None:
    found = fleet_status(
        {
            "well": host(row()),
            "stuck": host(row(verdict="stuck", wrong=True)),
            "empty": host(problem="vllm_servers names no server"),
            "gone": {"servers": None, "problem": ""},
            "broken": {"servers": None, "problem": "a template failed"},
        }
    )
    assert [(each["host"], each["verdict"]) for each in found["wrong"]] == [
        ("stuck", "stuck"),
        ("empty", "unknown"),
        ("gone", "unreachable"),
        ("broken", "unknown"),
    ]
    assert "nothing is known" in found["wrong"][2]["sentence"] and "a template failed" in found["wrong"][3]["sentence"]
    assert found["sentence"].startswith(
        "4 of 5 servers on 5 hosts need attention: stuck/gpt-oss-20b stuck, empty, gone and broken. In all: 1 idle,"
    )
    one = fleet_status({"well": host(row()), "stuck": host(row(verdict="stuck", wrong=True))})
    assert one["sentence"].startswith(
        "1 of 2 servers on 2 hosts needs attention: stuck/gpt-oss-20b stuck. In all: 1 idle,"
    )
    assert len({tuple(sorted(each)) for each in found["servers"]}) == 1
    assert max(map(len, status_table(found["servers"]))) <= 120


def test_the_table() -> None:
    cause = "the engine died: CUDA error: an illegal memory access was encountered"
    assert status_table(
        [
            {"host": "node1", **row(verdict="busy", **BUSY)},
            {"host": "node2", **row(verdict="dead", wrong=True, cause=cause, log=["no line of this"])},
            {"host": "node3", **row(verdict="starting")},
        ]
    ) == [
        "host   server       verdict   run/wait  tokens/s  KV %  restarts    up",
        "-----  -----------  --------  --------  --------  ----  --------  ----",
        "node1  gpt-oss-20b  busy          12/3      1234  12.3    4 (+1)  2.0h",
        "node2  gpt-oss-20b  DEAD             -         -     -         -     -",
        "    it is dead",
        "    Cause: the engine died: CUDA error: an illegal memory access was encountered",
        "    To do: do this and that",
        "node3  gpt-oss-20b  starting         -         -     -         -     -",
        "    it is starting",
    ]


def test_long_names_and_texts_fit() -> None:
    long = {"host": "h" * 80, **row("n" * 90, "crash_loop", True, cause="word " * 300, **BUSY)}
    lines = status_table([long, {**long, "sentence": "x" * 900}])
    assert max(map(len, lines)) <= 120 and len(lines) < 30


def test_of_many_servers_only_what_is_wrong_is_shown() -> None:
    rows = [
        {"host": f"n{number}", **row(verdict="dead" if number == 50 else "idle", wrong=number == 50)}
        for number in range(100)
    ]
    lines = status_table(rows)
    assert lines[2].startswith("n50 ") and lines[-1] == "... and 99 servers more; the report has them all."
    assert len(status_table(rows[:96])) == 2 + 96 + 2
    assert (
        status_table([{**each, "wrong": False} for each in rows])[-1]
        == "... and 100 servers more; the report has them all."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.4, "0s"), (59, "59s"), (60, "1m"), (5400, "1.5h"), (80000, "22h"), (1e6, "12d")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_command_is_not_broken_at_its_hyphens() -> None:
    command = "docker unpause a-rather-long-name-of-a-server-gpt-oss-20b"
    for length in range(60, 110):
        shown = row(verdict="stuck", wrong=True, remedy=f"{'x' * length} {command}")
        lines = status_table(fleet_status({"a": host(shown)})["servers"])
        assert any(command.split()[-1] in line for line in lines), length
