"""The example task of docs/evals_tasks.md reads, poses and grades."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from doc_pages import ROOT, blocks


def test_the_example_is_a_task(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "evals_tasks.md").read_text(encoding="utf-8")
    (example,) = [block.text for block in blocks(page) if block.language == "python"]
    made: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, "docs/evals_tasks.md", "exec"), made)
    path = tmp_path / "sums.jsonl"
    path.write_text(json.dumps({"question": "1 + 1?", "answer": 2}) + "\n")
    task = made["TASK"]
    (row,) = task.read([str(path)])
    prompt, target = task.pose(row, ())
    assert "1 + 1?" in prompt and target == "2"
    assert (task.grade(target, r"\boxed{2}").score, task.grade(target, r"\boxed{3}").score) == (1.0, 0.0)
