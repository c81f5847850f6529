from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _reference_cells
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._job import JobFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reference_job import (
    Harness,
    Look,
    ReferenceJob,
    read_output,
)

BAR = "  5%|▌  | 79/1584 [00:13<04:00, 6.2it/s]\r 12%|█  | 190/1584 [00:14<04:00, 6.2it/s]"
SLEEP = "Rate limit exception so wait and retry 3 after 8 sec Error code: 503 - {'x': 'y'}\n"


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("", Look(0, "")),
        ("Running with args Namespace()\n", Look(0, "")),
        (BAR, Look(190, "")),
        (BAR + SLEEP, Look(190, "failed 4 times, sleeps 8 s: Error code: 503 - {'x': 'y'}")),
        (SLEEP + BAR, Look(190, "")),
    ],
)
def test_its_output_tells_how_far_it_is(text: str, look: Look) -> None:
    assert read_output(text) == look


def params(folder: Path, **changes: Any) -> dict[str, Any]:
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (folder / "gpqa.csv").write_text(head + "Q?,a,b,c,d\n")
    defaults = {name: option.get("default") for name, option in _reference_cells.ARGUMENT_SPEC.items()}
    given = {
        "server": "one", "base_url": "http://127.0.0.1:1/v1", "model": "m", "tasks": ["gpqa"],
        "reasoning_efforts": ["low", "high"], "data": {"gpqa": [str(folder / "gpqa.csv")]}, "run_path": str(folder),
    }  # fmt: skip
    return {**defaults, **given, **changes}


def job(folder: Path, script: str, limit: float) -> tuple[ReferenceJob, Any, list[dict[str, Any]]]:
    spec = _reference_cells.spec_of(params(folder))
    cells = _reference_cells.cells_of(spec, ServerFacts("0.1", False, 4096, None))
    told: list[dict[str, Any]] = []
    cells[0].folder.mkdir(parents=True)
    return ReferenceJob(spec, Harness(sys.executable, script, limit), cells, told.append), cells[0], told


def test_each_task_and_effort_is_a_run_of_its_own(tmp_path: Path) -> None:
    spec = _reference_cells.spec_of(params(tmp_path))
    low, high = _reference_cells.cells_of(spec, ServerFacts("0.1", False, 4096, None))
    other = _reference_cells.cells_of(spec, ServerFacts("0.2", False, 4096, None))[0]
    assert len({low.folder, high.folder, other.folder}) == 3
    assert low.read_row() is None
    low.folder.mkdir(parents=True)
    low.row_path.write_text(f'{{"identity": "{high.about["identity"]}"}}')
    assert low.read_row() is None
    low.row_path.write_text(f'{{"identity": "{low.about["identity"]}"}}')
    assert low.read_row()


def test_a_run_beyond_its_limit_is_ended(tmp_path: Path) -> None:
    script = f"import sys, time; sys.stderr.write({BAR + SLEEP!r}); sys.stderr.flush(); time.sleep(600)"
    running, cell, told = job(tmp_path, script, 2.0)
    with pytest.raises(JobFailure, match=r"was ended after 2 s.*failed 4 times.*gpt_oss\.evals\.log"):
        asyncio.run(running._harness(cell))
    assert told[-1]["cells"][0]["done"] == 190
    assert told[-1]["trouble"].startswith("failed 4 times")


def test_the_exit_code_is_told(tmp_path: Path) -> None:
    running, cell, _told = job(tmp_path, "import sys; sys.exit(3)", 60.0)
    assert asyncio.run(running._harness(cell)) == 3


def test_a_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cell_timeout"):
        _reference_cells.spec_of(params(tmp_path, cell_timeout=0.0))
