# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of what the controller keeps: the report's folder and the fact cache. A report is whole, or that of before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Seen
from disks import Disk, disk
from test_fleet_scores import row

FILES = ("report.html", "report.md", "report.json", "report.csv", "junit.xml")
HAVE = {
    "name": "Have facts",
    "ansible.builtin.set_fact": {"cacheable": True, "gpt_oss_scores": "{{ rows }}"},
    "when": "rows is defined",
}
JUDGE = {
    "name": "Judge",
    "gpt_oss.fleet.fleet_scores": {"tasks": ["aime25"], "reasoning_efforts": ["low"], "fail_on": []},
    "register": "judged",
    "run_once": True,
}
WRITE = {
    "name": "Write",
    "gpt_oss.fleet.fleet_report": {"fleet": "{{ judged.fleet }}", "path": "{{ report }}"},
    "run_once": True,
    "delegate_to": "localhost",
}


@dataclass
class Judged:
    """Three hosts that are judged on the controller from the scores that a run is given, or that the cache has."""

    folder: Path
    report: Path

    def command(self, *options: str, hard: tuple[int, ...] = ()) -> list[str]:
        """Return the playbook's command; `hard` are the wrong answers of each host."""
        rows = {f"node{n}": {"rows": [row(f"vllm-node{n}", each)]} for n, each in enumerate(hard, 1)}
        names = [f"node{n}" for n in (1, 2, 3)]
        common = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "report": str(self.report),
            "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}"}],
        }  # fmt: skip
        hosts = {"all": {"vars": common, "hosts": {name: rows.get(name, {}) for name in names}}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
        play = [{"hosts": "all", "gather_facts": False, "tasks": [HAVE, JUDGE, WRITE]}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(play))
        return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml", *options]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "cache"),
        }  # fmt: skip

    def run(self, *options: str, hard: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options, hard=hard), cwd=self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def texts(self) -> dict[str, str]:
        return {name: (self.report / name).read_text() for name in FILES}

    def bad(self) -> list[str]:
        """Return the hosts that the report says are bad; all its forms must say the same."""
        texts = self.texts()
        named = [entry["host"] for entry in json.loads(texts["report.json"])["quarantine"]]
        assert ("<failure" in texts["junit.xml"]) is bool(named)
        assert all((",bad," in texts["report.csv"], "BAD" in texts["report.md"])) is bool(named), texts["report.csv"]
        return named


GOOD, BAD = (5, 5, 5), (5, 5, 20)


def said(run: subprocess.CompletedProcess[str]) -> str:
    return " ".join((run.stdout + run.stderr).split())


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """A disk for the report alone."""
    with disk(tmp_path / "disk", 4000) as made:
        yield made


@pytest.fixture
def judged(tmp_path: Path, small: Disk) -> Judged:
    """The hosts, and the report of a day on which all were good."""
    made = Judged(tmp_path, small.path / "report")
    first = made.run(hard=GOOD)
    assert first.returncode == 0, said(first)
    assert made.bad() == []
    return made


@pytest.mark.fault(
    kind="disk full",
    stage="report",
    fault="the report's disk has room for some of its files only",
    sees="Expected to write the report to … No space left on device",
    kept="the report of before, in all its forms",
    next_run="writes the new report, once there is room",
)
def test_a_report_that_finds_no_room(judged: Judged, small: Disk, seen: Seen) -> None:
    before = judged.texts()
    for room in (0, 8, 40):
        small.fill(leave=room)
        failed = judged.run(hard=BAD)
        assert failed.returncode == 2, said(failed)
        assert judged.texts() == before, f"with {room} KiB of room"
        assert sorted(path.name for path in judged.report.iterdir()) == sorted(FILES)
        small.free()
    seen(said(failed))
    assert "Traceback" not in said(failed)
    assert judged.run(hard=BAD).returncode == 0
    assert judged.bad() == ["node3"]


@pytest.mark.slow
@pytest.mark.fault(
    kind="read-only file system",
    stage="report",
    fault="the report's disk is mounted for reading only",
    sees="Expected to write the report to … Read-only file system",
    kept="the report of before, in all its forms",
    next_run="writes the new report, once the disk can be written",
)
def test_a_report_that_may_not_be_written(judged: Judged, small: Disk, seen: Seen) -> None:
    before = judged.texts()
    small.read_only()
    failed = judged.run(hard=BAD)
    assert failed.returncode == 2
    assert "Traceback" not in said(failed)
    assert judged.texts() == before
    unchanged = judged.run(hard=GOOD)
    assert unchanged.returncode == 0, "the same report needs no writing"
    small.writable()
    seen(said(failed))
    assert judged.run(hard=BAD).returncode == 0
    assert judged.bad() == ["node3"]


@pytest.mark.slow
@pytest.mark.fault(
    kind="controller killed",
    stage="report",
    fault="the controller is killed with SIGKILL, five times, while it writes the report",
    sees="5 kills, every file whole after each",
    kept="each file is that of before or the new one, never a part of one",
    next_run="writes the new report, in all its forms",
)
def test_a_controller_that_is_killed_while_it_writes(judged: Judged, seen: Seen) -> None:
    known = {name: {text} for name, text in judged.texts().items()}
    assert judged.run(hard=BAD).returncode == 0
    for name, text in judged.texts().items():
        known[name].add(text)
    kills = 0
    for hard in (GOOD, BAD, GOOD, BAD, GOOD):
        before = judged.texts()
        stamp = max((judged.report / name).stat().st_mtime_ns for name in FILES)
        controller = subprocess.Popen(
            judged.command(hard=hard), cwd=judged.folder, env=judged.environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # The first new file, or a part of it, is there.
        while controller.poll() is None and not _begun(judged.report, stamp):
            time.sleep(0.001)
        for process in (controller.pid, *_children(controller.pid)):
            os.kill(process, signal.SIGKILL)
        controller.wait()
        kills += 1
        for name, text in judged.texts().items():
            assert text in known[name] or text == before[name], name
    assert judged.run(hard=BAD).returncode == 0
    assert judged.bad() == ["node3"]
    assert {name: text in known[name] for name, text in judged.texts().items()} == dict.fromkeys(FILES, True)
    seen(f"{kills} kills, every file whole after each")


def _begun(report: Path, stamp: int) -> bool:
    return any(path.stat().st_mtime_ns > stamp for path in report.iterdir())


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.mark.fault(
    kind="corrupted fact cache",
    stage="report",
    fault="the cached facts of one host are cut in the middle",
    sees="was corrupt, or did not otherwise contain valid data. It has been removed, so you can re-run your command",
    kept="the report of before, and the other hosts' facts",
    next_run="tells the host missing, until it is evaluated again: its journals lie on the host",
)
def test_a_host_whose_cached_facts_are_torn_is_missing(judged: Judged, seen: Seen) -> None:
    """The run that finds the torn file is Ansible's own to end; the one after it must not take the host for good."""
    before = judged.texts()
    (path,) = (judged.folder / "cache").rglob("*node2*")
    path.write_text(path.read_text()[:-100])
    torn = judged.run()
    assert torn.returncode != 0
    seen(said(torn))
    assert judged.texts() == before
    assert judged.run().returncode == 0
    report = json.loads((judged.report / "report.json").read_text())
    verdicts = {host["host"]: host["verdict"] for host in report["hosts"]}
    assert [host for host, verdict in verdicts.items() if verdict == "missing"] == ["node2"]
    assert judged.run(hard=GOOD).returncode == 0
    assert judged.texts() == before
