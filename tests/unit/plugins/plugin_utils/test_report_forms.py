# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's other forms: CSV, JUnit, the samples of journals, charts as drawings, all files together."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import file_sha256, identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report_samples
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report import report_markdown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_charts import forests, speeds, startups
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_csv import report_csv
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_junit import report_junit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_samples import Wish, chosen_samples
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import UNFIT
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._svg import page_svg
from report_fleets import fleet, later_keys, servers
from test_junit import validate


@cache
def facts() -> dict[str, Any]:
    return fleet(5)


def rows_of(facts: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report_csv(facts), newline="")))


def test_the_csv_has_a_row_for_each_score_with_its_numbers() -> None:
    rows = rows_of(facts())
    entries = facts()["scores"]
    assert [(row["host"], row["task"], row["verdict"]) for row in rows] == [
        (entry["host"], entry["task"], entry["verdict"]) for entry in entries
    ]
    row, entry = rows[6], entries[6]
    assert float(row["score"]) == entry["score"]
    assert float(row["fleet_difference"]) == entry["fleet"]["difference"] < -0.05
    assert float(row["reference_low"]) == entry["reference"]["confidence_interval"][0]
    assert (row["simulated"], row["reference_judges"], row["latency_p99"]) == (
        "true",
        "true",
        str(entry["latency"]["p99"]),
    )
    missing = next(row for row in rows if row["verdict"] == "missing")
    assert (missing["score"], missing["fleet_p"], missing["reference_judges"]) == ("", "", "")


@pytest.mark.parametrize("attack", ['=HYPERLINK("//evil")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_spreadsheet_takes_no_text_for_a_formula(attack: str) -> None:
    entry = {**facts()["scores"][0], "reason": attack, "host": attack, "vllm_version": attack}
    row = rows_of({"scores": [entry]})[0]
    assert [row[name] for name in ("reason", "host", "vllm_version")] == [f"'{attack}"] * 3


def test_junit_has_a_case_for_each_score_and_fails_with_the_reasons() -> None:
    root = ElementTree.fromstring(report_junit(facts(), UNFIT).encode())
    cases = {f"{case.get('classname')} {case.get('name')}": case for case in root.iter("testcase")}
    for entry in facts()["scores"]:
        case = cases[f"{entry['host']}/{entry['server']} {entry['task'].upper()} {entry['reasoning_effort']}"]
        tag = {"bad": "failure", "missing": "error", "void": "error"}.get(entry["verdict"])
        assert [child.tag for child in case] == ([tag] if tag else [])
        if tag:
            assert case[0].get("message") == f"{entry['verdict']}: {entry['reason']}"[:300]
    assert cases["b200-002/gpt-oss-20b GPQA (mean of 3 efforts)"][0].tag == "failure"
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert root[0].get("timestamp") == "2026-01-01T00:00:00"


def test_junit_of_suspects_waivers_and_findings() -> None:
    later = later_keys(facts())
    root = ElementTree.fromstring(report_junit(later, ["suspect", "bad"]).encode())
    cases = {f"{case.get('classname')} {case.get('name')}": list(case) for case in root.iter("testcase")}
    assert cases["b200-005/gpt-oss-20b performance"][0].get("message", "").startswith("suspect: slow: 6125")
    assert cases["b200-001/gpt-oss-20b fingerprint"] == []
    assert "waived until 2026-12-31" in cases["b200-002/gpt-oss-20b GPQA low"][0].get("message", "")
    assert cases["b200-004/gpt-oss-20b GPQA low"] == []  # missing, which is not among what fails here


def test_junit_has_the_usual_shape() -> None:
    root = ElementTree.fromstring(report_junit(facts(), UNFIT).encode())
    for suite in root:
        suite.attrib.setdefault("timestamp", "")
    validate(root)


DEMO = Path(__file__).resolve().parents[4] / "inventories" / "demo" / "files" / "gpqa_demo.csv"
IDENTITY = {"task": "gpqa", "reasoning_effort": "low", "n_repeats": 2, "data_sha256": [file_sha256(str(DEMO))]}


def journal(folder: Path, host: str, n: int = 8, text: str = "reply", **others: Any) -> dict[str, Any]:
    """Write a journal of samples that end in turn correct, wrong, truncated and in an error; return its score."""
    path = folder / host / "s" / "gpqa_low-abc.jsonl"
    path.parent.mkdir(parents=True)
    outcomes = ("correct", "wrong", "truncated", "error")
    rows = [
        {"question": number // 2, "repeat": number % 2, "outcome": outcomes[number % 4], "text": text, "target": "A"}
        for number in range(n)
    ]
    lines = [
        json.dumps(row)
        for row in [{"identity": IDENTITY, "sha256": identity_sha256(IDENTITY)}, *rows, {**rows[3], "outcome": "wrong"}]
    ]
    path.write_text("\n".join([*lines, '{"question": 1, "re']))
    return {"host": host, "server": "s", "task": "gpqa", "reasoning_effort": "low", "verdict": "good",
            "journal": f"/var/lib/x/{path.name}", **others}  # fmt: skip


def test_the_samples_most_worth_reading_come_first_and_a_later_line_holds(tmp_path: Path) -> None:
    entry = journal(tmp_path, "node1")
    found, left_out = chosen_samples([entry], Wish(4, tmp_path))
    shown = found["node1", "s", "gpqa", "low"]
    assert [(row["question"], row["repeat"], row["outcome"]) for row in shown.samples] == [
        (3, 1, "error"),
        (1, 0, "truncated"),
        (3, 0, "truncated"),
        (0, 1, "wrong"),
    ]
    assert (shown.total, left_out) == (8, 0)
    assert all(row["prompt"] is None for row in shown.samples)
    assert chosen_samples([entry], Wish(0, tmp_path)) == ({}, 0)


def test_the_worst_scores_samples_come_first_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_report_samples, "_MOST_CHARACTERS", 3000)
    entries = [
        journal(tmp_path, "good", text="x" * 9000),
        journal(tmp_path, "bad", text="x" * 9000, verdict="bad"),
    ]
    found, left_out = chosen_samples(entries, Wish(2, tmp_path))
    assert ([key[0] for key in found], left_out) == (["bad"], 1)
    text = found["bad", "s", "gpqa", "low"].samples[0]["text"]
    assert len(text) < 4000 and "5500 characters" in text


@pytest.mark.parametrize("host", ["../outside", "/etc", "node1/../../outside"])
def test_a_hosts_name_leads_to_no_other_folder(tmp_path: Path, host: str) -> None:
    entry = {**journal(tmp_path / "outside", "s"), "host": host, "server": "s"}
    (tmp_path / "samples").mkdir()
    assert chosen_samples([entry], Wish(4, tmp_path / "samples")) == ({}, 0)


def test_questions_are_shown_where_their_data_is_given(tmp_path: Path) -> None:
    entry = journal(tmp_path, "node1")
    shown = chosen_samples([entry], Wish(1, tmp_path, {"gpqa": [str(DEMO)]}))[0]["node1", "s", "gpqa", "low"]
    assert "Express your final answer" in shown.samples[0]["prompt"] and not shown.problem
    shown = chosen_samples([entry], Wish(1, tmp_path, {"aime25": [str(DEMO)]}))[0]["node1", "s", "gpqa", "low"]
    assert shown.samples[0]["prompt"] is None and not shown.problem
    shown = chosen_samples([entry], Wish(1, tmp_path, {"gpqa": ["nowhere.csv"]}))[0]["node1", "s", "gpqa", "low"]
    assert shown.samples[0]["prompt"] is None and "nowhere.csv" in shown.problem


def test_a_forest_has_both_comparisons_the_lowest_on_top() -> None:
    chart = next(chart for chart in forests(facts()) if chart.title == "GPQA low")
    rows = chart.spec["data"]["values"]
    assert [row["name"] for row in rows if row["against"] == "fleet"][0] == "b200-002"
    assert [row["against"] for row in rows[:2]] == ["fleet", "reference"]
    row = rows[0]
    assert row["low"] < row["difference"] < row["high"] < 0 and row["verdict"] == "bad"
    assert row["text"].startswith("b200-002: -7.") and row["text"].endswith(", bad")


def test_a_large_fleets_charts_say_how_many_they_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_charts.MOST_SERVERS", 2)
    assert forests(facts())[0].left_out == 2
    assert startups(servers(5))[0].left_out == 2


def test_a_slow_host_is_marked_where_a_finding_says_so() -> None:
    chart = speeds(later_keys(facts()))[0]
    verdicts = {row["text"].partition(" ")[0]: row["verdict"] for row in chart.spec["data"]["values"]}
    assert verdicts == {"b200-001": "unjudged", "b200-002": "unjudged", "b200-003": "unjudged", "b200-005": "suspect"}


HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"
onload="alert(1)"><script>alert(1)</script><style>*{}</style><a xlink:href="javascript:alert(1)"><text>x</text></a>
<image href="http://evil.example/x.png"/><foreignObject><p>y</p></foreignObject>
<path aria-label="&lt;b&gt;" aria-roledescription="point" d="M1.23456,0h2" onclick="alert(1)" style="fill:url(//x)"
opacity="1"/><text fill="var(--ink)">a &lt; b</text><text display="none">hidden</text></svg>"""


def test_a_drawing_keeps_shapes_and_text_alone() -> None:
    assert page_svg(HOSTILE, 'a "title"').replace("\n", "") == (
        '<svg viewBox="0 0 9 9" role="img" aria-label="a &quot;title&quot;">'
        '<path d="M1.23,0h2" data-tip="&lt;b&gt;" /><text fill="var(--ink)">a &lt; b</text></svg>'
    )


def test_markdown_tells_of_what_only_some_judges_register() -> None:
    text = report_markdown(later_keys(facts()), servers(5))
    for wanted in ("## Findings besides the scores", "## Waived", "## Waivers without effect", "## Startup",
                   "stopped after 3 of 8 repeats", "## Sequential decisions", "is **bad**, waived:"):  # fmt: skip
        assert wanted in text
    assert "## Waived" not in report_markdown(facts())


def test_markdown_begins_no_html() -> None:
    entry = {**facts()["scores"][0], "reason": "<script>alert(1)</script>"}
    assert "\\<script>" in report_markdown({**facts(), "scores": [entry]})
