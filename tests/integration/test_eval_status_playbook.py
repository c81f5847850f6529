# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/eval_status.yml beside evals that somebody else runs: one look, and following them to their end."""

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
from eval_harness import ROOT, SAMPLES, Evals, LoopbackServer, environment, wait_for

pytestmark = pytest.mark.slow

HELD = 40


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    """A server that has answered so many requests and keeps the next ones waiting."""
    server = LoopbackServer(tmp_path, {"hold": HELD, "latency": 0.02})
    server.start()
    evals = Evals(tmp_path, server)
    for name in ("busy", "idle"):
        (tmp_path / name).mkdir()
    (tmp_path / "busy" / "runs").symlink_to(tmp_path / "run")
    yield evals
    evals.end()
    server.stop()


def hosts(folder: Path) -> str:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory = folder / "hosts.json"
    known = {name: {**local, "evaluate_path": str(folder / name)} for name in ("busy", "idle")}
    inventory.write_text(json.dumps({"all": {"hosts": {**known, "away": away}}}))
    return str(inventory)


def command(folder: Path, *options: str, **variables: Any) -> list[str]:
    program = str(Path(sys.executable).parent / "ansible-playbook")
    extra = json.dumps({"gpt_oss_progress": "live", **variables})
    return [program, "gpt_oss.fleet.eval_status", "-i", hosts(folder), "-e", extra, *options]


def look(folder: Path, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *options, **variables),
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=120, check=False,
    )  # fmt: skip


def report(folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((folder / "status.json").read_text())
    return {row["host"]: row for row in found["servers"]}


def test_one_look_at_a_fleet_and_at_a_job_that_was_killed(evals: Evals, tmp_path: Path) -> None:
    nothing = look(tmp_path, "--limit", "busy,idle")
    assert nothing.returncode == 0 and "No eval was run on 2 hosts." in nothing.stdout, nothing.stdout

    assert evals.run("eval_run", state="started")["status"]["state"] == "running"
    wait_for(lambda: evals.done() >= HELD)
    before = (evals.run_folder / "lock").stat().st_mtime_ns
    run = look(tmp_path, eval_status_report_path=str(tmp_path / "status.json"))
    assert run.returncode == 2, run.stdout  # for the host that is away, and for it alone
    failed = {name: int(count) for name, count in re.findall(r"(\w+) +: ok=.* failed=(\d)", run.stdout)}
    assert failed == {"busy": 0, "idle": 0, "away": 1, "localhost": 0}, run.stdout
    assert all("changed=0" in line for line in run.stdout.splitlines() if "unreachable=" in line)
    rows = report(tmp_path)
    assert {host: row["state"] for host, row in rows.items()} == {
        "busy": "asking",
        "idle": "none",
        "away": "unreachable",
    }
    assert (rows["busy"]["n_done"], rows["busy"]["n_samples"]) == (HELD, SAMPLES)
    (cell,) = rows["busy"]["cells"]
    assert cell["done"] == HELD and 0 < cell["score"] < 1 and cell["standard_error"] > 0 and cell["tokens"] > 0
    assert (evals.run_folder / "lock").stat().st_mtime_ns == before

    os.kill(evals.status()["pid"], signal.SIGKILL)
    wait_for(lambda: _gone(evals.status()["pid"]))
    run = look(tmp_path, "--limit", "busy")
    assert run.returncode == 2, run.stdout
    assert "KILLED" in run.stdout and "run gpt_oss.fleet.evaluate again" in run.stdout


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_second_terminal_follows_to_the_end(evals: Evals, tmp_path: Path) -> None:
    assert evals.run("eval_run", state="started")["status"]["state"] == "running"
    wait_for(lambda: evals.done() >= HELD)
    options = {"eval_status_follow": True, "evaluate_poll_interval": 0.5}
    following = subprocess.Popen(
        command(tmp_path, "--limit", "busy,idle", **options),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert following.stdout is not None
    lines = iter(following.stdout.readline, "")
    first = next(line for line in lines if line.startswith("[busy]"))
    assert re.match(rf"\[busy\] one: gpqa low {HELD}/{SAMPLES}, score [\d.]+ \+/- [\d.]+, 0 errors, ", first), first
    evals.server.set(hold=None)
    rest = list(lines)
    assert following.wait(timeout=60) == 0, rest
    assert evals.status()["state"] == "finished"
    assert "2 servers" not in "".join(rest)
    assert f"1 server on 2 hosts: 1 finished, 1 none; {SAMPLES} of {SAMPLES} samples are asked." in "".join(rest)
    assert evals.server.replies().total() == SAMPLES  # the look asked the server nothing
