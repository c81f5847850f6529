from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sharing_plan import neighbours, sharing_plan


def state(host: str, held: str = "", wanted: str = "x") -> dict[str, Any]:
    return {
        "host": host,
        "wanted": wanted.split(),
        "held": held.split(),
        "address": f"{host}.example.com",
        "settings": {"python": f"/{host}/python"},
    }


def acts(states: list[dict[str, Any]], batch: str, sources: int = 1) -> dict[str, str]:
    """Return each host's part in short: pulls, shares (host:name, by whom), fetches (name<host@runner)."""
    shown = {}
    for host in batch.split():
        plan = sharing_plan(states, host, batch.split(), sources)
        words = [f"pull {row['name']}" for row in plan["pulls"]]
        words += [f"share {row['host']}:{row['name']}" for row in plan["shares"]]
        words += [f"fetch {row['name']}<{row['host']}@{row['runner']}" for row in plan["fetches"]]
        shown[host] = ", ".join(words)
    return shown


@pytest.mark.parametrize(
    ("states", "batch", "sources", "wanted"),
    [
        # One host alone: it pulls, and there is nobody to share with.
        ([state("a")], "a", 1, {"a": "pull x"}),
        ([state("a", "x")], "a", 1, {"a": ""}),
        # Nobody has it: the first pulls and shares.
        (
            [state("a"), state("b"), state("c")],
            "a b c",
            2,
            {"a": "pull x, share a:x", "b": "fetch x<a@a", "c": "fetch x<a@a"},
        ),
        # Some have it: they share in turn, as many as are wanted.
        (
            [state("a"), state("b", "x"), state("c", "x"), state("d"), state("e", "x")],
            "a b c d e",
            2,
            {"a": "fetch x<b@b", "b": "share b:x", "c": "share c:x", "d": "fetch x<c@c", "e": ""},
        ),
        # All have it.
        ([state("a", "x"), state("b", "x")], "a b", 1, {"a": "", "b": ""}),
        # A host of an earlier batch shares, by the hand of the first of this one.
        (
            [state("a", "x"), state("b"), state("c")],
            "b c",
            1,
            {"b": "share a:x, fetch x<a@b", "c": "fetch x<a@b"},
        ),
        # Two images, and hosts that want another one.
        (
            [state("a", "", "x y"), state("b", "y", "y"), state("c", "", "x")],
            "a b c",
            1,
            {"a": "pull x, share a:x, fetch y<b@b", "b": "share b:y", "c": "fetch x<a@a"},
        ),
        # Who has it by chance shares it too.
        ([state("a", "x", "y"), state("b")], "a b", 1, {"a": "pull y, share a:x", "b": "fetch x<a@a"}),
    ],
)
def test_who_does_what(states: list[dict[str, Any]], batch: str, sources: int, wanted: dict[str, str]) -> None:
    assert acts(states, batch, sources) == wanted


def test_what_goes_with_a_part() -> None:
    states = [state("a", "x y", "x y"), state("b", "", "x y")]
    assert sharing_plan(states, "a", ["a", "b"])["shares"] == [
        {"name": "x", "number": 0, "host": "a", "settings": {"python": "/a/python"}},
        {"name": "y", "number": 1, "host": "a", "settings": {"python": "/a/python"}},
    ]
    assert sharing_plan(states, "b", ["a", "b"])["fetches"][0]["address"] == "a.example.com"


@pytest.mark.parametrize("count", [1, 2, 3, 9, 40, 500])
def test_neighbours_are_few_mutual_and_connect_all(count: int) -> None:
    known = [neighbours(place, count) for place in range(count)]
    assert all(place not in mine and len(mine) <= 24 for place, mine in enumerate(known))
    assert all(place in known[other] for place, mine in enumerate(known) for other in mine)
    reached, fresh = {0}, {0}
    while fresh:
        fresh = {other for place in fresh for other in known[place]} - reached
        reached |= fresh
    assert len(reached) == count


def test_those_who_fetch_know_all_sources_and_each_other() -> None:
    states = [state("a", "x"), state("b", "x"), state("c"), state("d"), state("e")]
    (fetch,) = sharing_plan(states, "d", list("abcde"), sources=4)["fetches"]
    assert [source["host"] for source in fetch["sources"]] == ["a", "b"]
    assert [(other["host"], other["address"]) for other in fetch["others"]] == [
        ("c", "c.example.com"),
        ("e", "e.example.com"),
    ]
