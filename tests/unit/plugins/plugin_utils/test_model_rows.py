from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._model_rows import fetch_rows, held_names, model_rows

REPO, COMMIT, OTHER = "openai/gpt-oss-20b", "a" * 40, "b" * 40
SHARE = {"commit": COMMIT, "info_hash": "1" * 40, "manifest_sha256": "2" * 64, "size": 5, "files": 2, "port": 27881}
NAME = f"{REPO}@{COMMIT}"


@pytest.mark.parametrize(
    ("revision", "branches", "name"),
    [
        (None, {}, f"{REPO}@main"),
        ("v1", {}, f"{REPO}@v1"),
        (COMMIT, {f"{REPO}@main": OTHER}, NAME),
        (None, {f"{REPO}@main": COMMIT}, NAME),
    ],
)
def test_names(revision: str | None, branches: dict[str, str], name: str) -> None:
    model = {"repo_id": REPO, **({"revision": revision} if revision else {})}
    assert model_rows([model], branches) == [{"name": name, "model": model}]
    assert model_rows([model], branches, ["other"]) == []


@pytest.mark.parametrize(
    ("result", "held"),
    [
        ({"verified": True, "commit": COMMIT}, True),
        ({"verified": True, "commit": OTHER}, False),
        ({"verified": False, "commit": COMMIT}, False),
        ({"failed": True, "msg": "not here"}, False),
    ],
)
def test_held(result: dict[str, Any], held: bool) -> None:
    assert held_names([{"item": {"name": NAME}, **result}]) == ([NAME] if held else [])


def test_a_branch_whose_commit_nobody_knows_is_held_at_any() -> None:
    assert held_names([{"item": {"name": f"{REPO}@main"}, "verified": True, "commit": OTHER}])


def source(host: str) -> dict[str, str]:
    return {"host": host, "address": f"{host}.example.com", "runner": host}


def other(host: str, port: int) -> dict[str, Any]:
    return {"host": host, "address": f"{host}.example.com", "settings": {"port": port}}


FETCH = {
    "name": NAME,
    "number": 3,
    "sources": [source("a"), source("b"), source("c")],
    "others": [other("e", 27881), other("f", 0)],
}


@pytest.mark.parametrize(
    ("shares", "addresses"),
    [
        ({}, None),
        ({"a": None}, None),
        ({"a": SHARE}, ["a.example.com:27881", "e.example.com:27884"]),
        # Whoever has other contents under the same commit shares something else.
        (
            {"a": SHARE, "b": {**SHARE, "info_hash": "3" * 40}, "c": {**SHARE, "port": 9}},
            ["a.example.com:27881", "c.example.com:9", "e.example.com:27884"],
        ),
    ],
)
def test_from_whom(shares: dict[str, Any], addresses: list[str] | None) -> None:
    results = [{"item": {"name": NAME, "host": host}, "share": share} for host, share in shares.items()]
    settings = {"port": 27881, "upload_rate": "1M"}
    (row,) = fetch_rows([{"repo_id": REPO, "revision": COMMIT}], {}, [FETCH], results, settings)
    if addresses is None:
        assert row["peers"] == {}
        return
    assert row["peers"]["addresses"] == addresses
    assert (row["peers"]["port"], row["peers"]["upload_rate"]) == (27884, "1M")
    assert (row["peers"]["commit"], row["peers"]["info_hash"]) == (COMMIT, "1" * 40)
