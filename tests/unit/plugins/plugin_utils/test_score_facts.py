from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import merge_rows


def row(server: str, task: str = "gpqa", effort: str = "low", **more: Any) -> dict[str, Any]:
    return {"server": server, "task": task, "reasoning_effort": effort, **more}


@pytest.mark.parametrize(
    ("known", "fresh", "merged"),
    [
        ([], [row("a")], [row("a")]),
        ([row("b")], [row("a")], [row("b"), row("a")]),
        ([row("a", score=1)], [row("a", score=2)], [row("a", score=2)]),
        (
            [row("a", "aime25"), row("a", effort="high")],
            [row("a")],
            [row("a", "aime25"), row("a", effort="high"), row("a")],
        ),
    ],
)
def test_rows_of_other_cells_are_kept(
    known: list[dict[str, Any]], fresh: list[dict[str, Any]], merged: list[dict[str, Any]]
) -> None:
    assert merge_rows(known, fresh) == merged
