from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.served_models import served_models

REPO, COMMIT, OTHER = "openai/gpt-oss-20b", "a" * 40, "b" * 40
KNOWN = {"repo_id": REPO, "revision": "main", "commit": COMMIT, "verified": True}


@pytest.mark.parametrize(
    ("arguments", "models", "revision", "verified"),
    [
        ([], [], "main", False),
        ([], [KNOWN], COMMIT, True),
        ([], [{**KNOWN, "verified": False}], COMMIT, False),
        ([], [{**KNOWN, "repo_id": "openai/gpt-oss-120b"}], "main", False),
        (["--revision", COMMIT], [KNOWN], COMMIT, True),
        (["--revision", OTHER], [KNOWN], OTHER, False),
        (["--max-model-len", 4096, f"--revision={OTHER}"], [], OTHER, False),
    ],
)
def test_revision_and_verdict(
    arguments: list[Any], models: list[dict[str, Any]], revision: str, verified: bool
) -> None:
    [row] = served_models([{"name": "s", "model": REPO, "arguments": arguments}], models)
    assert row == {"repo_id": REPO, "revision": revision, "servers": ["s"], "verified": verified}


def test_each_model_once_and_no_folder() -> None:
    servers: list[dict[str, Any]] = [
        {"name": "a", "model": REPO, "arguments": []},
        {"name": "b", "model": REPO, "arguments": []},
        {"name": "c", "model": "/srv/model"},
        {"name": "d", "model": "openai/gpt-oss-120b"},
    ]
    found = [(row["repo_id"], row["servers"]) for row in served_models(servers)]
    assert found == [(REPO, ["a", "b"]), ("openai/gpt-oss-120b", ["d"])]
