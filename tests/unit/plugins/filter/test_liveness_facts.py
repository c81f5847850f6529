from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.liveness_facts import FilterModule

liveness_facts = FilterModule().filters()["liveness_facts"]
THERE = {"stat": {"exists": True}}
SEEN = {"item": "s", "liveness": {"name": "s", "verdict": "idle", "sentence": "it is well"}}


def facts(results: list[dict[str, Any]], interpreter: dict[str, Any], *servers: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = liveness_facts(
        results, servers or ("s",), interpreter, "/p", ["dead", "unknown", "unreachable"]
    )
    return found


def test_a_server_that_was_seen() -> None:
    assert facts([SEEN], THERE) == [{"name": "s", "verdict": "idle", "sentence": "it is well", "wrong": False}]
    assert liveness_facts([SEEN], ["s"], THERE, "/p", ["idle"])[0]["wrong"] is True


UNSEEN: list[tuple[list[dict[str, Any]], dict[str, Any], str, str]] = [
    ([], {"unreachable": True, "msg": "no route"}, "unreachable", "cannot be reached: no route"),
    ([{"item": "s", "unreachable": True, "msg": "gone"}], THERE, "unreachable", "cannot be reached: gone"),
    ([], {"stat": {"exists": False}}, "unknown", "no Python with the docker library at /p"),
    ([{"item": "s", "skipped": True}], {}, "unknown", "no Python"),
    ([{"item": "s", "failed": True, "msg": "Missing docker"}], THERE, "unknown", "Missing docker"),
    ([{"item": "other"}], THERE, "unknown", "the module told nothing"),
]


@pytest.mark.parametrize(("results", "interpreter", "verdict", "words"), UNSEEN)
def test_a_server_that_was_not_seen(
    results: list[dict[str, Any]], interpreter: dict[str, Any], verdict: str, words: str
) -> None:
    (row,) = facts(results, interpreter)
    assert (row["name"], row["verdict"], row["wrong"], row["healthy"]) == ("s", verdict, True, False)
    assert words in row["sentence"] and row["remedy"] and row["log"] == []


def test_servers_stay_in_their_order() -> None:
    assert [row["name"] for row in facts([SEEN], THERE, "z", "s", "a")] == ["z", "s", "a"]
