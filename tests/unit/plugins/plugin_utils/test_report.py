# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import load_references
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report import report_markdown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH, score_table
from fleet_examples import make_row, spread

LONG = "rack17-node42.b200.east.cluster.example.com"


def judged(n_hosts: int = 3, servers: int = 1, any_data: bool = False, **others: Any) -> dict[str, Any]:
    """Judge hosts of which the last is bad, and one more of which nothing is known."""
    names = [f"server{number}" for number in range(servers)]
    hosts = [f"node{number + 1}" for number in range(n_hosts)]
    rows = {
        host: [
            make_row("gpqa", "low", spread(762 if host == hosts[-1] else 889, 198), server=name, **others)
            for name in names
        ]
        for host in hosts
    }
    question = Question(
        {**dict.fromkeys(hosts, names), LONG: names}, ["gpqa"], ["low"], references=load_references(), any_data=any_data
    )
    return fleet_facts(question, rows, {LONG: "the host is unreachable: a | b\nsecond line"})


@pytest.mark.parametrize("facts", [judged(), judged(servers=2), judged(40, 3), judged(simulated=True, any_data=True)])
def test_the_table_is_plain_aligned_and_narrow(facts: dict[str, Any]) -> None:
    lines = score_table(facts)
    text = "\n".join(lines)
    assert text.isascii()
    assert max(map(len, lines)) <= WIDTH
    body = lines[2 : lines.index("")]
    fractions = [line.index("/") for line in body if "/1584" in line]
    assert len(set(fractions)) == 1
    assert "BAD" in text
    assert "MISSING" in text
    assert ("server1" in text) is any("server1" in entry["server"] for entry in facts["scores"])


def test_a_large_fleets_table_shows_what_is_not_good() -> None:
    lines = score_table(judged(200))
    assert len(lines) < 40
    assert any("199 good" in line for line in lines)


def test_the_table_says_which_references_do_not_judge() -> None:
    assert "(56.1)" in "\n".join(score_table(judged()))
    text = "\n".join(score_table(judged(any_data=True)))
    assert "(56.1)" not in text
    assert "reference_data is any" in text


def test_the_report_has_the_numbers_and_the_reasons() -> None:
    text = report_markdown(judged(any_data=True))
    for wanted in (
        "**Fleet verdict: BAD",
        "889/1584",
        "762/1584",
        "8.0 points below the reference 56.1",
        "reference_data: any",
    ):
        assert wanted in text
    assert "0.33.0" in text
    assert "sha256:abc" in text
    assert LONG in text


def test_the_reports_tables_are_well_formed() -> None:
    text = report_markdown(judged())
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(bars) == 1, block


@pytest.mark.parametrize("simulated", [True, False])
def test_a_simulated_run_says_so_first(simulated: bool) -> None:
    text = report_markdown(judged(simulated=simulated))
    assert ("**SIMULATED" in text.partition("## ")[0]) is simulated


def test_the_same_facts_give_the_same_report_also_after_a_trip_through_json() -> None:
    facts = judged()
    assert report_markdown(json.loads(json.dumps(facts))) == report_markdown(facts)
    later = judged(registered=5e9)
    assert report_markdown(later) == report_markdown(facts)


def row_of(text: str, title: str, host: str) -> dict[str, str]:
    """Return a host's row of a section's table, by heading."""
    lines = text.partition(f"## {title}\n")[2].partition("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return dict(zip(cells[0], next(row for row in cells if row[0] == host), strict=True))


def test_the_report_tells_what_the_repeats_and_the_clock_say() -> None:
    text = report_markdown(judged(time_to_first_token={"p50": 0.0421, "p90": 1.25, "p99": 12.34}))
    repeats = row_of(text, "Repeats", "node1")
    assert repeats["pass@1"] == "56.1" and float(repeats["pass@8"]) > 70
    assert (repeats["Majority"], repeats["Tied"], repeats["Repeats"]) == ("62.5", "3", "56.1 to 56.1")
    assert row_of(text, "Samples", "node1")["cut off"] == "0"
    speed = row_of(text, "Speed", "node1")
    assert (speed["Prompt tokens"], speed["Reasoning tokens"], speed["Answer tokens"]) == ("100", "50", "150")
    assert [speed[f"Latency {name}"] for name in ("p50", "p90", "p99", "max")] == ["0.250", "2.50", "25.0", "250.0"]
    assert [speed[f"First token {name}"] for name in ("p50", "p90", "p99")] == ["0.042", "1.25", "12.3"]


def test_the_report_of_rows_from_before_these_numbers() -> None:
    new = ("pass_at_k", "majority", "repeat_scores", "latency", "time_to_first_token", "tokens_per_second", "n_cut_off")
    others: dict[str, Any] = {**dict.fromkeys(new), "tokens": {"prompt": 1, "completion": 2, "reasoning": 0}}
    text = report_markdown(judged(**others))
    assert "## Repeats" not in text
    assert row_of(text, "Speed", "node1")["Answer tokens"] == "2"
    assert row_of(text, "Samples", "node1")["cut off"] == "-"
