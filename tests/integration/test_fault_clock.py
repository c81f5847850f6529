# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall clock jumps, ahead and back, under an eval and under its controller.

The machine's own clock stays as it is: the processes are told another time (tests/tools/shifted_clock.c).
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Seen
from eval_harness import HELD, HOLDING, QUESTIONS, SAMPLES, Evals, served_evals, wait_for
from eval_playbook import Playbook

pytestmark = pytest.mark.slow
Jump = Callable[[int], object]


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path, HOLDING) as found:
        yield found


@pytest.fixture
def jump(tmp_path: Path, evals: Evals, monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Set the clock of all that this test starts, so many hours off; the server has the true time."""
    library, offset = tmp_path / "shifted_clock.so", tmp_path / "offset"
    source = ROOT / "tests" / "tools" / "shifted_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True, capture_output=True)
    offset.write_text("0")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("SHIFTED_CLOCK", str(offset))
    return lambda hours: offset.write_text(str(hours * 3600))


@pytest.mark.fault(
    kind="clock jump",
    stage="evaluate",
    fault="the host's clock jumps two hours ahead in mid-eval, and then three back",
    sees="160 of 160 measured, the longest took 0 s",
    kept="each sample: seconds are not taken from the wall clock",
    next_run="finds it done",
)
def test_an_eval_under_a_clock_that_jumps(evals: Evals, jump: Jump, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: evals.done() >= HELD)
    jump(2)
    evals.server.set(hold=2 * HELD)
    wait_for(lambda: evals.done() >= 2 * HELD)
    jump(-1)
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"], evals.one_row_each()) == (SAMPLES, None, True)
    seconds = [sample["seconds"] for sample in evals.rows()]
    # Those that were held had to wait for the test.
    assert min(seconds) >= 0 and sorted(seconds)[SAMPLES // 2] < 5
    assert 0 < row["seconds"] < 3600, row["seconds"]
    assert evals.run()["changed"] is False
    seen(f"{row['n_measured']} of {SAMPLES} measured, the longest took {max(seconds) // 600:.0f} s")


@pytest.mark.fault(
    kind="clock jump",
    stage="report",
    fault="the controller's clock is set back by an hour in mid-run",
    sees="node1 missing: … the only score is from an earlier run",
    kept="the scores, which lie on the host",
    next_run="finds the eval done, and judges it",
)
def test_a_controller_whose_clock_is_set_back(evals: Evals, jump: Jump, tmp_path: Path, seen: Seen) -> None:
    playbook = Playbook(evals, {"evaluate_reference_data": "any", "evaluate_concurrency": 8})
    evals.options["run_path"] = str(tmp_path / "state" / "runs")
    output: list[str] = []
    thread = threading.Thread(target=lambda: output.append(playbook.run()))
    thread.start()
    wait_for(lambda: evals.server.replies().total() >= HELD or output, 150)
    assert not output, output
    jump(-1)
    evals.server.set(hold=None)
    thread.join(200)
    (host,) = playbook.report()["hosts"]
    seen(f"{host['host']} {host['verdict']}: {host['reasons']}")
    again = playbook.run()
    assert playbook.report()["hosts"][0]["verdict"] != "missing", again
    assert evals.server.replies().total() == 8 * QUESTIONS, "nothing was asked again"
