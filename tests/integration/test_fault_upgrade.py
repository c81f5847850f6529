# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is upgraded while an eval runs: samples of one protocol are never mixed with those of another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Seen
from eval_harness import HELD, HOLDING, SAMPLES, Evals, served_evals, wait_for

IDENTITY = "plugins/module_utils/_identity.py"


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path, HOLDING) as found:
        yield found


@pytest.fixture
def upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the collection, which later runs take; whoever changes it upgrades the controller."""
    copy = tmp_path / "collections" / "ansible_collections" / "gpt_oss" / "fleet"
    for part in ("plugins", "meta"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", copy)
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path / "collections"))
    return copy


def change(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1, path
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.fault(
    kind="upgrade",
    stage="evaluate",
    fault="the collection is upgraded in mid-eval to a release that asks in the same way",
    sees="160 of 160 measured",
    kept="the eval, which goes on by the code that it was begun with",
    next_run="attaches to it, and registers its scores",
)
def test_to_a_release_that_asks_alike(evals: Evals, upgrade: Path, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: evals.done() >= HELD)
    pid = evals.status()["pid"]
    change(upgrade / "galaxy.yml", r"(?m)^version: .*$", "version: 9.9.9")
    # No line of the old code may be needed any more: as when its files were replaced.
    for path in (upgrade / "plugins" / "module_utils").glob("_*.py"):
        path.write_text(path.read_text() + "\n# of the new release\n")
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert evals.status()["pid"] == pid
    assert (row["verdict"], evals.one_row_each()) == (None, True)
    assert set(evals.server.replies().values()) == {1}
    seen(f"{row['n_measured']} of {SAMPLES} measured")


@pytest.mark.slow
@pytest.mark.fault(
    kind="upgrade",
    stage="evaluate",
    fault="the collection is upgraded in mid-eval to a release that asks in another way",
    sees="another eval job of one is running … does not cover gpqa low as asked for here",
    kept="the eval of the old release, and each of its samples, in a journal of its own",
    next_run="asks all in the new way, once the old eval has ended or was stopped",
)
def test_to_a_release_that_asks_differently(evals: Evals, upgrade: Path, seen: Seen) -> None:
    evals.run("eval_run", state="started")
    wait_for(lambda: evals.done() >= HELD)
    old = len(evals.rows())
    (journal,) = evals.run_folder.glob("*.jsonl")
    change(upgrade / IDENTITY, r'"protocol": \d+', '"protocol": 999')
    refused = evals.run()
    seen(refused["msg"])
    assert refused["failed"] is True
    assert evals.status()["state"] == "running"
    evals.run("eval_run", state="stopped")
    evals.server.set(hold=None)
    (row,) = evals.run()["scores"]
    assert (row["n_measured"], row["verdict"]) == (SAMPLES, None)
    assert len(list(evals.run_folder.glob("*.jsonl"))) == 2
    assert len(journal.read_text().splitlines()) - 1 == old, "the old samples are as they were"
