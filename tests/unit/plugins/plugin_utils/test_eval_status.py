# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_status import fleet_evals, state_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_status_table import eval_table

CELL = {
    "task": "gpqa", "effort": "low", "done": 600, "total": 1584, "correct": 300, "measured": 598, "errors": 2,
    "score": 0.5017, "standard_error": 0.0312, "standard_error_within": 0.01, "tokens": 10, "journal": "/j",
}  # fmt: skip
NEXT = {**CELL, "effort": "high", "done": 0, "correct": 0, "measured": 0, "errors": 0, "standard_error": None}


def entry(
    server: str = "gpt-oss-20b", running: bool | None = True, silent: float = 0.4, **status: Any
) -> dict[str, Any]:
    whole = {
        "state": "running", "server": server, "phase": "asking", "phase_seconds": 61.0, "cause": "", "remedy": "",
        "rate": 12.34, "tokens_per_second": 9876.5, "eta_s": 754.0, "trouble": "", "error": "", "cells": [CELL, NEXT],
        **status,
    }  # fmt: skip
    path = f"/runs/{server}/status.json"
    return {"server": server, "status_path": path, "running": running, "silent_seconds": silent, "status": whole}


def host(*entries: dict[str, Any], problem: str = "") -> dict[str, Any]:
    return {"evals": list(entries), "problem": problem}


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (entry(), "asking"),
        (entry(phase="paused"), "paused"),
        (entry(phase=None), "asking"),
        (entry(running=False), "killed"),
        (entry(silent=31.0), "silent"),
        (entry(running=None), "asking"),
        (entry(running=False, state="finished"), "finished"),
        (entry(running=False, state="failed"), "failed"),
        (entry(running=False, state="stopped"), "stopped"),
    ],
)
def test_states(given: dict[str, Any], state: str) -> None:
    assert state_of(given) == state


def test_a_fleet_that_gets_on() -> None:
    found = fleet_evals({"a": host(entry(), entry("other", state="finished", running=False)), "b": host()})
    assert found["sentence"] == ("2 servers on 2 hosts: 1 asking, 1 finished, 1 none; 1200 of 6336 samples are asked.")
    assert found["wrong"] == []
    assert fleet_evals({"b": host()})["sentence"] == "No eval was run on 1 host."


def test_each_host_has_a_row_and_what_is_wrong_is_named() -> None:
    cause: dict[str, Any] = {"cause": "CUDA out of memory", "remedy": "lower gpu_memory_utilization"}
    found = fleet_evals(
        {
            "well": host(entry()),
            "paused": host(entry(phase="paused", **cause)),
            "killed": host(entry(running=False)),
            "silent": host(entry(silent=99.0)),
            "failed": host(entry(state="failed", running=False, error="the disk is full")),
            "gone": {"evals": None, "problem": ""},
            "broken": {"evals": None, "problem": "a template failed"},
        }
    )
    remarks = {row["host"]: row["remark"] for row in found["wrong"]}
    assert list(remarks) == ["paused", "killed", "silent", "failed", "gone", "broken"]
    assert remarks["paused"] == "PAUSED for 1:01: CUDA out of memory; lower gpu_memory_utilization"
    assert remarks["failed"] == "the disk is full"
    assert "nothing for 99 s" in remarks["silent"] and "without a word" in remarks["killed"]
    assert found["sentence"].endswith(
        "Look at paused/gpt-oss-20b paused, killed/gpt-oss-20b killed, silent/gpt-oss-20b silent, "
        "failed/gpt-oss-20b failed, gone and 1 more."
    )
    assert len({tuple(sorted(row)) for row in found["servers"]}) == 1
    lines = eval_table(found["servers"])
    assert max(map(len, lines)) <= 120 and "\n".join(lines).isascii()


def test_of_gpt_oss_evals_is_told_since_when_and_how_long_it_may_run() -> None:
    status: dict[str, Any] = {
        "started": "2026-01-01T00:00:00Z",
        "limit_seconds": 7200.0,
        "phase": None,
        "trouble": "failed 3 times",
    }
    running, failed = entry(**status), entry(state="failed", running=False, failure={"msg": "it was ended"}, error="")
    found = fleet_evals({"node1": host({**running, "engine": "reference"}, {**failed, "engine": "reference"})})
    assert [row["remark"] for row in found["servers"]] == [
        "gpt_oss.evals runs since 2026-01-01T00:00:00Z, and is ended 2:00:00 after that; retrying: failed 3 times",
        "it was ended",
    ]


def test_the_table() -> None:
    found = fleet_evals({"node1": host(entry()), "node2": host(entry(phase="paused", cause="it died", eta_s=None))})
    assert eval_table(found["servers"]) == [
        "host   server       state       done  now       score  +/-  errors  requests/s  tokens/s   left",
        "-----  -----------  ------  --------  --------  -----  ---  ------  ----------  --------  -----",
        "node1  gpt-oss-20b  asking  600/3168  GPQA low   50.2  3.1       2        12.3      9876  12:34",
        "node2  gpt-oss-20b  PAUSED  600/3168  GPQA low   50.2  3.1       2           -         -      -",
        "    PAUSED for 1:01: it died",
    ]


def test_long_names_and_texts_fit_and_of_many_servers_only_what_is_wrong_is_shown() -> None:
    long = host(entry("n" * 90, state="failed", running=False, error="word " * 300))
    lines = eval_table(fleet_evals({"h" * 80: long})["servers"])
    assert max(map(len, lines)) <= 120 and len(lines) < 12
    many = {f"n{number}": host(entry(phase="paused" if number == 50 else "asking")) for number in range(100)}
    lines = eval_table(fleet_evals(many)["servers"])
    assert lines[2].startswith("n50 ") and lines[-1] == "... and 99 servers more; the report has them all."
