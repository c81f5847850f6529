# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs of hf_model on one cache, and controllers that die: one download, which outlives them all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Seen
from hub_harness import COMMIT, REPO, Hub, bring, ended, honest, module_process, until
from lookalike_hub import Generated
from playbook_host import PLAYBOOK, counts, said

BIG = {f"model-0000{number}-of-00002.safetensors": Generated(3 << 20, number) for number in (1, 2)}
FILES = {"config.json": b"{}", **BIG}
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Bring it
      gpt_oss.fleet.hf_model: "{{ model }}"
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with a model that takes about four seconds."""
    with Hub(rate=1_500_000) as hub:
        hub.add(REPO).commit(FILES, commit=COMMIT)
        hub.repository(REPO).hash_all()
        yield hub


@pytest.mark.fault(
    kind="two controllers",
    stage="models",
    fault="two runs bring the same model to one cache at once",
    sees="changed: [False, True]",
    kept="one download, which both wait for",
    next_run="changes nothing",
)
def test_two_runs_for_one_revision_are_one_download(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    runs = [module_process(tmp_path, endpoint=hub.endpoint) for _run in range(2)]
    results = [ended(run) for run in runs]
    assert not any(result.get("failed") for result in results), results
    assert sorted(result["changed"] for result in results) == [False, True]
    assert sorted(hub.books.downloads()) == sorted(FILES)
    assert {result["commit"] for result in results} == {COMMIT} and all(result["verified"] for result in results)
    honest(tmp_path)
    seen(f"changed: {sorted(result['changed'] for result in results)}")


def test_two_runs_for_two_revisions_are_both_right(hub: Hub, tmp_path: Path) -> None:
    other = {**FILES, "config.json": b'{"other": 1}', "tokenizer.json": b"[]"}
    commit = hub.repository(REPO).commit(other, branch="next")
    revisions = {"main": COMMIT, "next": commit}
    runs = {name: module_process(tmp_path, endpoint=hub.endpoint, revision=name) for name in revisions}
    results = {name: ended(run) for name, run in runs.items()}
    for name, result in results.items():
        assert not result.get("failed"), result
        assert (result["commit"], result["verified"], result["changed"]) == (revisions[name], True, True)
    honest(tmp_path)
    downloads = hub.books.downloads()
    assert [downloads.count(name) for name in BIG] == [1, 1], "what both have came once"
    assert sorted(len(result["files"]) for result in results.values()) in ([1, 4], [2, 3])


def test_the_same_job_is_started_once(hub: Hub, tmp_path: Path) -> None:
    first, second = (ended(module_process(tmp_path, endpoint=hub.endpoint, background=True)) for _run in range(2))
    assert first["status_path"] == second["status_path"]
    folder = Path(first["status_path"]).parent
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    until(lambda: status_of(tmp_path)["state"] == "finished", 30)
    assert sorted(hub.books.downloads()) == sorted(FILES)


def status_of(cache: Path) -> dict[str, Any]:
    return dict(json.loads(next(cache.glob("models--*/.gpt_oss/jobs/*/status.json")).read_text()))


def play(tmp_path: Path, hub: Hub, **options: Any) -> subprocess.Popen[str]:
    """Begin a playbook with the module, in a session of its own, which shows the progress."""
    (tmp_path / "play.yml").write_text(PLAY)
    model = {"repo_id": REPO, "cache_dir": str(tmp_path / "hub"), "endpoint": hub.endpoint, "stall_timeout": 10}
    variables = {
        "model": {**model, **options},
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_progress": "live",
    }
    command = [*PLAYBOOK, "-i", "one,", "-c", "local", "-e", json.dumps(variables), str(tmp_path / "play.yml")]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True
    )


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """Return the first line with a text that a process prints."""
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"it never said {text!r}")


def over(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    output, _none = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, output, "")


@pytest.mark.fault(
    kind="controller killed",
    stage="models",
    fault="the controller is killed with SIGKILL in mid-download",
    sees="[one] openai/gpt-oss-20b: fetches, … changed=1 … failed=0",
    kept="the download goes on without the controller; no byte is asked for twice",
    next_run="attaches to it and shows the progress",
)
def test_a_controller_that_dies_and_another_that_attaches(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.set(rate=100_000)
    first = play(tmp_path, hub)
    hub.books.wait(phase="content")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    sent = sum(hub.books.content().values())
    until(lambda: sum(hub.books.content().values()) > sent + 100_000, 30)
    before = status_of(tmp_path / "hub")
    assert before["state"] == "running", "the job lives without the controller"
    attached = play(tmp_path, hub)
    shown = line_with(attached, f"[one] {REPO}: fetches, ")
    assert " of 6.0 MiB (" in shown
    hub.set(rate=None)
    second = over(attached)
    assert second.returncode == 0, second.stdout
    seen(shown + said(second))
    assert counts(second)["changed"] == 1, "it tells of the whole work"
    after = status_of(tmp_path / "hub")
    assert (after["state"], after["pid"]) == ("finished", before["pid"]), "the same job"
    assert hub.books.repeated() == {} and sorted(hub.books.downloads()) == sorted(FILES)
    third = over(play(tmp_path, hub))
    assert counts(third)["changed"] == 0
    honest(tmp_path / "hub")


@pytest.mark.fault(
    kind="job killed",
    stage="models",
    fault="the process that downloads is killed under a controller that watches",
    sees="changed=1 … failed=0",
    kept="what has arrived, but for what was under way",
    next_run="nothing: the watching run starts the download again",
)
def test_a_job_that_is_killed_under_a_controller_that_watches(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.set(rate=100_000)
    watching = play(tmp_path, hub)
    line_with(watching, f"[one] {REPO}: fetches, ")
    killed = status_of(tmp_path / "hub")["pid"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: status_of(tmp_path / "hub")["pid"] != killed, 60)
    hub.set(rate=None)
    run = over(watching)
    assert run.returncode == 0, run.stdout
    seen(said(run))
    assert status_of(tmp_path / "hub")["pid"] != killed
    assert sum(hub.books.repeated().values()) < (1 << 20)
    honest(tmp_path / "hub")


def test_a_failure_is_told_by_the_controller(hub: Hub, tmp_path: Path) -> None:
    hub.repository(REPO).gated = True
    run = over(play(tmp_path, hub))
    assert run.returncode == 2 and counts(run)["failed"] == 1
    told = r"gives \S+ of openai/gpt-oss-20b at \w+ only to accounts that were granted access"
    assert re.search(told, said(run)), run.stdout
    hub.repository(REPO).gated = False
    hub.set(rate=None)
    assert bring(hub, tmp_path / "hub")["verified"]
