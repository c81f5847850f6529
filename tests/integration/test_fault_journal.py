# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal that a bad disk or a hand changed: what is no sample is asked again, what is no journal is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Seen
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for

HELD = SAMPLES // 4


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    """Evals of which a fourth is journalled, and that were stopped then."""
    server = LoopbackServer(tmp_path, {"latency": 0.02, "hold": HELD})
    server.start()
    evals = Evals(tmp_path, server)
    evals.run("eval_run", state="started")
    wait_for(lambda: len(evals.rows()) == HELD)
    evals.run("eval_run", state="stopped")
    server.set(hold=None)
    yield evals
    evals.end()
    server.stop()


def journal(evals: Evals) -> Path:
    (path,) = evals.run_folder.glob("*.jsonl")
    return path


@pytest.mark.fault(
    kind="corrupted journal",
    stage="evaluate",
    fault="lines in the middle of the journal are overwritten, of another kind, or lack what a sample has",
    sees="160 of 160 measured, 6 asked again",
    kept="each other sample: none of them is asked again",
    next_run="nothing: the same run asked what the journal did not hold any more",
)
def test_lines_that_are_no_samples(evals: Evals, seen: Seen) -> None:
    head, *lines = journal(evals).read_bytes().splitlines(keepends=True)
    spoiled = [
        b"\xff" * (len(lines[3]) - 1) + b"\n",
        b"\0" * (len(lines[4]) - 1) + b"\n",
        lines[5][:40] + b"\n",
        b"[]\n",
        b'{"question": 1, "outcome": "correct"}\n',
        json.dumps({**json.loads(lines[8]), "outcome": "marvellous"}).encode() + b"\n",
    ]
    journal(evals).write_bytes(head + b"".join([*lines[:3], *spoiled, *lines[9:]]))
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    again = [count for count in evals.server.replies().values() if count > 1]
    assert evals.server.replies().total() - SAMPLES == len(again) == len(spoiled)
    seen(f"{row['n_measured']} of {SAMPLES} measured, {len(again)} asked again")
    assert evals.run()["changed"] is False


@pytest.mark.slow
@pytest.mark.fault(
    kind="corrupted journal",
    stage="evaluate",
    fault="the journal's first line, which tells whose it is, is overwritten",
    sees="is no journal: its first line does not hold an identity; move it away",
    kept="the file, as it was found",
    next_run="begins a new journal, once the file is moved away",
)
def test_a_first_line_that_is_none(evals: Evals, seen: Seen) -> None:
    path = journal(evals)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\0" * (len(head) - 1) + b"\n" + b"".join(lines))
    before = path.read_bytes()
    for module in ("eval_run", "eval"):
        failed = evals.run(module)
        assert failed["failed"] is True
        assert "Traceback" not in failed["output"]
    seen(failed["msg"])
    assert path.read_bytes() == before
    path.rename(path.with_suffix(".aside"))
    assert evals.run()["scores"][0]["n_measured"] == SAMPLES


@pytest.mark.slow
@pytest.mark.fault(
    kind="corrupted journal",
    stage="evaluate",
    fault="the files in which an eval tells its status and its score are torn",
    sees="160 of 160 measured, none asked again",
    kept="each sample: the journal alone counts",
    next_run="nothing: the same run wrote both anew",
)
def test_a_torn_score_and_status(evals: Evals, seen: Seen) -> None:
    (before,) = evals.run()["scores"]
    (score,) = evals.run_folder.glob("*.score.json")
    for status, content in ((b"", b"{"), (b"\xff\xfe", b'{"complete": true}'), (b"[1]", b"7")):
        (evals.run_folder / "status.json").write_bytes(status)
        score.write_bytes(content)
        (row,) = evals.run()["scores"]
        assert (row["score"], row["n_measured"]) == (before["score"], SAMPLES), content
    assert evals.server.replies().total() == SAMPLES
    seen(f"{row['n_measured']} of {SAMPLES} measured, none asked again")
