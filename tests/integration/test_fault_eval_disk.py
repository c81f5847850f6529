# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An eval whose disk fills up, or may no longer be written to: no journalled sample is lost, and the cause is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Seen
from disks import Disk, disk
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

HELD = SAMPLES // 4


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path, {"latency": 0.02, "hold": HELD})
    server.start()
    evals = Evals(tmp_path, server, {"run_path": str(tmp_path / "run")})
    yield evals
    evals.end()
    server.stop()


@pytest.fixture
def journals(evals: Evals) -> Iterator[Disk]:
    """A disk for the journals alone."""
    with disk(evals.folder / "run", 2000) as made:
        yield made


def journalled(evals: Evals) -> set[tuple[int, int]]:
    """Return the samples that have a whole line; what the full disk tore off is none."""
    (path,) = evals.run_folder.glob("*.jsonl")
    lines = path.read_text().splitlines(keepends=True)[1:]
    rows = [json.loads(line) for line in lines if line.endswith("\n")]
    return {(row["question"], row["repeat"]) for row in rows}


@pytest.mark.fault(
    kind="disk full",
    stage="evaluate",
    fault="the journal's disk fills up in mid-eval",
    sees="cannot write the journal … No space left on device; make room and run again",
    kept="each journalled sample",
    next_run="asks the rest, once there is room",
)
def test_a_journal_that_finds_no_room(evals: Evals, journals: Disk, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: len(evals.rows()) == HELD)
    journals.fill()
    evals.server.set(hold=None)
    failed = evals.run()
    seen(failed["msg"])
    assert failed["failed"] is True
    kept = journalled(evals)
    assert len(kept) >= HELD
    journals.free()
    replies = evals.server.replies()
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    assert evals.one_row_each()
    again = evals.server.replies()
    assert all(again[name] == replies[name] for name in (f"gpqa/{question}/{repeat}" for question, repeat in kept))


@pytest.mark.slow
@pytest.mark.fault(
    kind="read-only file system",
    stage="evaluate",
    fault="the disk of an eval that was stopped half-way is mounted for reading only",
    sees="cannot write to … Read-only file system … correct run_path, or make it writable",
    kept="each journalled sample",
    next_run="asks the rest, once the disk can be written",
)
def test_journals_that_may_only_be_read(evals: Evals, journals: Disk, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: len(evals.rows()) == HELD)
    evals.run("eval_run", state="stopped")
    journals.read_only()
    for module in ("eval_run", "eval"):
        failed = evals.run(module)
        assert failed["failed"] is True
        assert "Traceback" not in failed["output"] and "MODULE FAILURE" not in failed["output"]
    seen(failed["msg"])
    planned = evals.run("eval", ["--check"])
    assert [(cell["n_done"], cell["n_to_ask"]) for cell in planned["cells"]] == [(HELD, SAMPLES - HELD)]
    journals.writable()
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    assert evals.one_row_each()
    journals.read_only()
    found = evals.run()
    assert (found["changed"], found["scores"][0]["score"]) == (False, row["score"]), "what is done needs no writing"
    journals.writable()
