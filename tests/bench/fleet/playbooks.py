# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet's size costs the controller, by whole runs of ansible-playbook with 50 forks.

usage: playbooks.py [--hosts 10,50] [--known 100,500]     fails where a host costs more in a large fleet than in a small
--hosts: playbooks/evaluate.yml with the real modules, over local connections: AIME25's 30 questions once at low effort,
all asked of one loopback server; then again, when all is found done. What the modules use belongs to the hosts, and
is counted apart: each runs by an interpreter that notes its own CPU seconds.
--known: what is known of each host is read from files, and then a rollout is planned, evals are watched, scores judged
(12 a host) on the controller. What Ansible takes to read the files is taken off.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/integration"), str(Path(__file__).parent), str(ROOT / ".ansible/collections")]
sys.path[:0] = [str(ROOT / "tests/unit/plugins/plugin_utils")]
from aggregate import _rows as score_rows  # noqa: E402
from eval_harness import LoopbackServer, environment  # noqa: E402

FORKS = 50
# A host of the larger fleet may cost so many times what one of the smaller does. Noise is within it, a square is not.
MOST_GROWTH = 1.5
AIME = [str(ROOT / f"inventories/demo/files/aime25_demo-{number}.jsonl") for number in (1, 2)]
SHOWN = {
    "nothing": [],
    "rollout planned": [
        {"gpt_oss.fleet.rollout_plan": {"waves": ["1", "10%"], "quarantine_path": "{{ folder }}/none.yml"}}
    ],
    "evals watched": [{"gpt_oss.fleet.eval_status_report": {}}],
    "scores judged": [{"gpt_oss.fleet.fleet_scores": {"fail": False}}],
}


class Cost(NamedTuple):
    """What one run took: CPU seconds of the controller and of the hosts' modules, seconds, MB of the main process."""

    controller: float
    modules: float
    seconds: float
    peak: float


class Bench:
    """Runs playbooks in a folder, and prints a table's rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "modules.log"
        self.log.touch()
        self.problems: list[str] = []
        # A folder as of the managed environment, whose Python notes what each module took.
        self.python = folder / "venv/bin/python"
        self.python.parent.mkdir(parents=True)
        command = f'{shlex.quote(sys.executable)} "$@"; rc=$?; times >> {shlex.quote(str(self.log))}; exit $rc'
        self.python.write_text(f"#!/bin/bash\n{command}\n")
        self.python.chmod(0o755)

    def run(self, arguments: Sequence[str], inventory: Mapping[str, Any]) -> Cost:
        """Run a playbook to its end; SystemExit when it failed."""
        hosts = self.folder / "hosts.json"
        hosts.write_text(json.dumps(inventory))
        self.log.write_text("")
        before, begun = _children(), time.monotonic()
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(hosts),
            "--forks",
            str(FORKS),
            *arguments,
        ]
        with (self.folder / "output.log").open("w") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=output, stderr=output)
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, _peak(process.pid))
                time.sleep(0.1)
        seconds, used = time.monotonic() - begun, _children() - before
        if process.returncode != 0:
            said = (self.folder / "output.log").read_text()[-3000:]
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
        modules = sum(_seconds(line) for line in self.log.read_text().splitlines())
        return Cost(used - modules, modules, seconds, peak)

    def row(self, n: int, what: str, cost: Cost) -> float:
        """Print one row; return the controller's CPU seconds a host."""
        each = cost.controller / n
        print(
            f"| {n} | {what} | {cost.controller:.1f} | {1000 * each:.0f} | {1000 * cost.modules / n:.0f} "
            f"| {cost.seconds:.1f} | {cost.peak:.0f} |",
            flush=True,
        )
        return each

    def compare(self, what: str, each: Mapping[int, float]) -> None:
        """Note a problem where hosts of the larger fleet cost more."""
        small, large = min(each, default=0), max(each, default=0)
        if large > small and each[large] > MOST_GROWTH * each[small]:
            growth = each[large] / each[small]
            self.problems.append(
                f"{what}: a host of {large} costs {growth:.2f} x one of {small}, limit {MOST_GROWTH:g} x"
            )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", default="10,50")
    parser.add_argument("--known", default="100,500")
    arguments = parser.parse_args()
    print("| hosts | what | controller, CPU s | ms a host | modules, ms a host | seconds | peak MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        _evaluate(bench, _numbers(arguments.hosts))
        _known(bench, _numbers(arguments.known))
    print("\n".join(f"LIMIT EXCEEDED: {problem}" for problem in bench.problems) or "All limits hold.")
    return 1 if bench.problems else 0


def _evaluate(bench: Bench, sizes: Sequence[int]) -> None:
    """Evaluate fleets with the real modules, twice."""
    each: dict[str, dict[int, float]] = {"evaluated": {}, "evaluated again": {}}
    for n in sizes:
        folder = bench.folder / str(n)
        folder.mkdir()
        server = LoopbackServer(folder, {"model": "openai/gpt-oss-20b"})
        server.start()
        try:
            for what, cells in each.items():
                cost = bench.run(["gpt_oss.fleet.evaluate"], _evaluated(bench, folder, n, server.port))
                cells[n] = bench.row(n, what, cost)
        finally:
            server.stop()
    for what, cells in each.items():
        bench.compare(what, cells)


def _evaluated(bench: Bench, folder: Path, n: int, port: int) -> dict[str, Any]:
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": str(bench.python),
        "gpt_oss_environment_path": str(bench.python.parents[1]),
        "gpt_oss_state_path": f"{folder}/state/{{{{ inventory_hostname }}}}",
        "vllm_servers": [{"name": "gpt-oss-20b", "port": port}],
        "evaluate_data": {"aime25": AIME},
        "evaluate_tasks": ["aime25"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_n_repeats": 1,
        "evaluate_containers": False,
        "evaluate_fail_on": [],
        "evaluate_report_path": f"{folder}/report",
    }
    return {"all": {"vars": variables, "hosts": {f"node{number:03}": {} for number in range(n)}}}


def _known(bench: Bench, sizes: Sequence[int]) -> None:
    """Plan, watch and judge fleets of which all is known."""
    each: dict[str, dict[int, float]] = {what: {} for what in SHOWN}
    for n in sizes:
        names = [f"node{number:03}" for number in range(n)]
        folder = bench.folder / f"known-{n}"
        folder.mkdir()
        rng = random.Random(n)
        for name in names:
            (folder / f"{name}.json").write_text(json.dumps(_facts(rng)))
        variables = {"folder": str(folder), "vllm_servers": [{"name": "gpt-oss-20b"}, {"name": "gpt-oss-120b"}]}
        inventory = {"all": {"vars": variables, "hosts": dict.fromkeys(names, {})}}
        read = Cost(0, 0, 0, 0)
        for what, tasks in SHOWN.items():
            play = folder / f"{what.replace(' ', '-')}.yml"
            play.write_text(json.dumps(_play(tasks)))
            cost = bench.run([str(play)], inventory)
            if not tasks:
                read = cost
                bench.row(n, "Ansible reads what is known", cost)
                continue
            each[what][n] = bench.row(n, what, cost._replace(controller=max(0.0, cost.controller - read.controller)))
    for what, cells in each.items():
        bench.compare(what, cells)


def _play(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = "{{ lookup('ansible.builtin.file', folder ~ '/' ~ inventory_hostname ~ '.json') | from_json }}"
    facts = {name: f"{{{{ known.{name} }}}}" for name in ("gpt_oss_plan", "gpt_oss_evals", "gpt_oss_scores")}
    read = {"ansible.builtin.set_fact": facts, "vars": {"known": known}}
    shown = [{**task, "run_once": True, "delegate_to": "localhost"} for task in tasks]
    return [{"hosts": "all", "gather_facts": False, "tasks": [read, *shown]}]


def _facts(rng: random.Random) -> dict[str, Any]:
    """Return what is known of a host: a server to swap and one that is done, an eval under way, its scores."""
    done: dict[str, Any] = {"state": "done", "now": "image:2", "changes": [], "problem": "", "fetch": []}
    plan = [
        {**done, "name": "gpt-oss-20b", "wanted": "image:2", "state": "swap", "now": "image:1", "changes": ["image"]},
        {**done, "name": "gpt-oss-120b", "wanted": "image:2"},
    ]
    cell = {
        "task": "gpqa", "effort": "low", "done": 600, "total": 1584, "correct": 300, "measured": 598, "errors": 2,
        "score": 0.5017, "standard_error": 0.0312, "standard_error_within": 0.01, "tokens": 10, "journal": "/j",
    }  # fmt: skip
    status = {
        "state": "running", "server": "gpt-oss-20b", "phase": "asking", "phase_seconds": 61.0, "cause": "",
        "remedy": "", "rate": 12.34, "tokens_per_second": 9876.5, "eta_s": 754.0, "trouble": "", "error": "",
        "cells": [cell] * 6,
    }  # fmt: skip
    evals = [{"server": "gpt-oss-20b", "status_path": "/s", "running": True, "silent_seconds": 0.4, "status": status}]
    return {"gpt_oss_plan": plan, "gpt_oss_evals": evals, "gpt_oss_scores": score_rows(rng, 0.0)}


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(pid: int) -> float:
    """Return the most memory that a process has had, in MB."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def _seconds(line: str) -> float:
    """Return the seconds of a line as "0m0.120s 0m0.004s"."""
    return sum(60 * float(minutes) + float(seconds) for minutes, seconds in re.findall(r"(\d+)m([\d.]+)s", line))


if __name__ == "__main__":
    sys.exit(main())
