# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/facts.md says what is true: each recipe is asked, and each key of the facts is told."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fleet_examples import make_row, spread
from report_fleets import fleet, later_keys, servers

jmespath = pytest.importorskip("jmespath")
TEXT = (Path(__file__).resolve().parents[4] / "docs" / "facts.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"\*\*(.+?)\*\*.*?\n\n```jmespath ?(\w*)\n(.+?)\n```\n```json\n(.+?)\n```", TEXT)


@cache
def facts() -> dict[str, Any]:
    return {
        "": fleet(5),
        "gpt_oss_servers": servers(5)["b200-001"],
        "gpt_oss_scores": [make_row("gpqa", "low", spread(889, 198))],
    }


def documented(heading: str) -> set[str]:
    """Return the keys in the first column of the table under a heading."""
    table = TEXT.partition(heading)[2].partition("\n\n|")[2].partition("\n\n")[0]
    return set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in f"|{table}".splitlines())))


def test_there_are_recipes() -> None:
    assert len(RECIPES) == TEXT.count("```jmespath") >= 18


@pytest.mark.parametrize(("question", "fact", "query", "answer"), RECIPES, ids=[recipe[0] for recipe in RECIPES])
def test_a_recipe_gives_its_answer(question: str, fact: str, query: str, answer: str) -> None:
    assert jmespath.search(query, facts()[fact]) == json.loads(answer), question


@pytest.mark.parametrize(
    ("heading", "rows"),
    [
        ("## gpt_oss_fleet", lambda fleet: [fleet]),
        ("A row of `hosts`:", lambda fleet: fleet["hosts"]),
        ("A row of `cells`:", lambda fleet: fleet["cells"]),
        ("A row of `scores`.", lambda fleet: fleet["scores"]),
    ],
)
def test_each_key_is_told(heading: str, rows: Any) -> None:
    told = documented(heading)
    for known in (facts()[""], later_keys(facts()[""])):
        assert {key for row in rows(known) for key in row} <= told
    # What is told is there, or may come.
    later = {key for row in rows(later_keys(facts()[""])) for key in row}
    assert told <= later | {"centre", "difference", "p"}
