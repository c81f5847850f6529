from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._smoke_report import WIDTH, first_failure, report_of
from smoke_examples import BAD, GOOD, HOSTS, SILENT, check, server


def test_the_report_tells_of_all_hosts() -> None:
    report = report_of(HOSTS)
    assert [host["host"] for host in report["hosts"]] == ["node1", "node2", "node3", "node4"]
    assert [len(host["servers"]) for host in report["hosts"]] == [1, 2, 0, 0]
    assert (report["n_servers"], report["n_passed"], report["not_tested"], report["ok"]) == (3, 1, ["node3"], False)
    assert report["hosts"][2]["problem"] and not report["hosts"][3]["problem"]


@pytest.mark.parametrize(
    ("hosts", "ok", "sentence"),
    [
        ({"a": [GOOD]}, True, "Smoke test: all of 1 server passed."),
        ({"a": [GOOD, GOOD], "b": [GOOD]}, True, "Smoke test: all of 3 servers passed."),
        ({"a": []}, True, "Smoke test: there was no server."),
        ({}, True, "Smoke test: there was no server."),
        ({"a": [{**GOOD, "simulated": True}]}, True, "all of 1 server passed. SIMULATED: no model stands behind it."),
        (
            HOSTS,
            False,
            "1 of 3 servers passed; failed: node2/gpt-oss-120b and node2/gpt-oss-20b; not tested: node3.",
        ),
        ({"a": None}, False, "Smoke test: 0 of 0 servers passed; not tested: a."),
    ],
)
def test_the_sentence(hosts: dict[str, Any], ok: bool, sentence: str) -> None:
    report = report_of(hosts)
    assert report["ok"] is ok
    assert sentence in report["sentence"]


def test_the_table() -> None:
    lines = report_of(HOSTS)["table"]
    assert lines[0].split() == ["host", "server", "checks", "tokens", "low", "high", "seconds", "first", "failure"]
    assert lines[2].split() == ["node1", "gpt-oss-20b", "2/2", "40", "270", "12.3"]
    assert lines[3].split()[:7] == ["node2", "gpt-oss-120b", "1/2", "40", "270", "12.3", "chat"]
    assert lines[4].split()[:6] == ["node2", "gpt-oss-20b", "0/0", "0.0", "the", "smoke"]
    assert lines[5].split(maxsplit=3)[:3] == ["node3", "NOT", "TESTED"]
    assert "its turn is to come" in lines[5], "in a wave of a rollout the others have not failed"
    assert len(lines) == 6
    assert all(len(line) <= WIDTH for line in lines)


def test_long_names_and_failures_stay_within_the_width() -> None:
    long = server("server" * 20, check("chat low", ok=False, detail="word " * 100))
    assert all(len(line) <= WIDTH for line in report_of({"host" * 30: [long]})["table"])


def test_of_a_large_fleet_only_the_bad_are_shown() -> None:
    hosts: dict[str, Any] = {f"node{number}": [GOOD] for number in range(200)}
    hosts["bad"] = [BAD]
    lines = report_of(hosts)["table"]
    assert len(lines) == 4
    assert lines[2].startswith("bad ")
    assert lines[3] == "... and 200 servers more, which passed"
    many = report_of({f"node{number}": None for number in range(200)})["table"]
    assert len(many) == 2 + 96 + 1
    assert many[-1] == "... and 104 lines more, in the report"


@pytest.mark.parametrize(
    ("row", "said"),
    [(GOOD, ""), (BAD, "chat low: expected 'Paris'"), (SILENT, "the smoke test of http://127.0.0.1:8001/v1")],
)
def test_the_first_failure_is_one_line(row: dict[str, Any], said: str) -> None:
    assert first_failure(row).startswith(said)
    assert "\n" not in first_failure(row)
