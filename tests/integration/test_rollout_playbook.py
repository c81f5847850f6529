# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rollout.yml over six hosts of this machine: a host of the third wave fails, is rolled back and quarantined,
is repaired and passes; a controller that is killed in mid-wave; and what each server served at each time.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from conftest import DOCKER_HOST, MODEL, ROOT
from eval_harness import environment as plain_environment
from eval_harness import free_port, wait_for
from playbook_host import PLAYBOOK, counts, said, this_machine

pytestmark = pytest.mark.slow

DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
HOSTS = [f"node{number}" for number in range(1, 7)]
QUESTIONS = {"smoke_eval_tasks": ["aime25"], "smoke_eval_questions": 20, "smoke_eval_repeats": 8}


class Fleet:
    """Six hosts, and a look at what their servers are all the while. A release is the longest context they take."""

    def __init__(self, root: Path, environment: Path, image: str, engine: docker.APIClient) -> None:
        self.root, self.engine = root, engine
        self.prefix = f"rollout-{os.getpid()}-{secrets.token_hex(3)}"
        self.quarantine = root / "quarantine.yml"
        self.drops: dict[str, float] = {}
        self.seen: list[tuple[str, str, bool]] = []
        self._environment, self._image = environment, image
        self._ports = {host: free_port() for host in HOSTS}
        self._ended = threading.Event()
        (root / "drained").mkdir()
        (root / "model").mkdir()
        (root / "model" / "config.json").write_text('{"architectures": ["GptOssForCausalLM"]}')
        for name, state in (("drain", "touch"), ("undrain", "absent")):
            task = {
                "name": name,
                "ansible.builtin.file": {"path": self._mark("{{ inventory_hostname }}"), "state": state},
            }
            (root / f"{name}.yml").write_text(yaml.safe_dump([{**task, "changed_when": False}]))
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def play(
        self, release: int, *options: str, playbook: str = "rollout", **extra: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(release, *options, playbook=playbook, **extra),
            cwd=ROOT, env=plain_environment(), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def command(self, release: int, *options: str, playbook: str = "rollout", **extra: Any) -> list[str]:
        inventory = self.root / "hosts.yml"
        inventory.write_text(json.dumps({"all": {"vars": self._variables(release), "hosts": self._hosts(release)}}))
        given = ["-e", json.dumps(extra)]
        return [*PLAYBOOK, f"gpt_oss.fleet.{playbook}", "-i", str(inventory), *given, *options]

    def served(self) -> dict[str, str]:
        """Return each host's release, "drop" added where its server was made worse; "" where none runs."""
        return {host: self._served(host) for host in HOSTS}

    def accepted(self, host: str) -> list[dict[str, Any]]:
        path = self.root / host / "servers" / f"{self.prefix}-{host}" / "accepted.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    def close(self) -> None:
        self._ended.set()
        self._watch.join()
        for container in self.engine.containers(all=True, filters={"name": f"^/{self.prefix}"}):
            self.engine.remove_container(container["Id"], force=True, v=True)

    def _served(self, host: str) -> str:
        try:
            container = self.engine.inspect_container(f"{self.prefix}-{host}")
        except docker.errors.NotFound:
            return ""
        words = container["Config"]["Cmd"]
        worse = "drop" if any('"accuracy_drop": 0.5' in text for text in container["Config"]["Env"]) else ""
        return words[words.index("--max-model-len") + 1] + worse if container["State"]["Running"] else ""

    def _look(self) -> None:
        while not self._ended.wait(0.15):
            for host in HOSTS:
                drained = Path(self._mark(host)).exists()
                served = self._served(host)
                # A mark that came or went meanwhile tells nothing.
                if drained == Path(self._mark(host)).exists() and (host, served, drained) not in self.seen:
                    self.seen.append((host, served, drained))

    def _mark(self, host: str) -> str:
        return str(self.root / "drained" / host)

    def _hosts(self, release: int) -> dict[str, Any]:
        return {host: self._host(host, release) for host in HOSTS}

    def _host(self, host: str, release: int) -> dict[str, Any]:
        answers = {"aime25": {"low": {"correct": 84}}}
        drop = self.drops.get(host, 0.0) if release > 4000 else 0.0
        simulator = {"seed": int(host[-1]), "data": {"aime25": [f"/simulator/{Path(path).name}" for path in AIME]}}
        simulator |= {"answers": answers, "accuracy_drop": drop, "start_seconds": 0.3}
        server = {
            "name": f"{self.prefix}-{host}", "model": MODEL, "image": self._image, "pull": "never",
            "vllm_version": "0.32.0", "gpus": "none", "timeout": 60, "port": self._ports[host],
            "max_model_len": release, "volumes": [f"{DATA}:/simulator:ro"],
            "environment": {"VLLM_SIMULATOR": json.dumps(simulator)},
        }  # fmt: skip
        return {"gpt_oss_state_path": str(self.root / host), "vllm_servers": [server]}

    def _variables(self, release: int) -> dict[str, Any]:
        return {
            **this_machine(self.root / "state", self._environment),
            "gpt_oss_throttle": 1, "hf_cache_models": [{"repo_id": MODEL, "source": str(self.root / "model")}],
            "evaluate_data": {"aime25": AIME}, "evaluate_reference_data": "any", "evaluate_concurrency": 16,
            "evaluate_poll_interval": 1, "evaluate_report_path": str(self.root / "report"),
            "rollout_waves": [1, 2, 3], "rollout_quarantine_path": str(self.quarantine),
            "rollout_before_host": str(self.root / "drain.yml"), "rollout_after_host": str(self.root / "undrain.yml"),
            "support_bundle_path": str(self.root / "bundles"), **QUESTIONS,
        }  # fmt: skip


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, environment: Path, simulator_image: str, engine: docker.APIClient
) -> Iterator[Fleet]:
    """The fleet with its first release, 4000, accepted on all hosts, and a baseline of what one of them reached."""
    assert DOCKER_HOST
    made = Fleet(tmp_path_factory.mktemp("fleet"), environment, simulator_image, engine)
    try:
        yield made
    finally:
        made.close()


def gated(fleet: Fleet) -> dict[str, Any]:
    return {"rollout_gate": "smoke_eval", "evaluate_reference_files": [str(fleet.root / "baseline.json")]}


def changed(run: subprocess.CompletedProcess[str]) -> int:
    return sum(counts(run, host)["changed"] for host in HOSTS)


def test_a_bare_fleet_is_planned_and_then_served(fleet: Fleet) -> None:
    dry = fleet.play(4000, "--check")
    assert dry.returncode == 0, said(dry)
    assert "6 of 6 hosts in 3 waves (1+2+3)." in said(dry) and "everything" in said(dry)
    assert fleet.served() == dict.fromkeys(HOSTS, "")
    first = fleet.play(4000)
    assert first.returncode == 0, said(first)
    assert "The rollout is finished: 6 of 6 hosts accepted, 0 failed." in said(first)
    assert fleet.served() == dict.fromkeys(HOSTS, "4000")
    assert [entry["proofs"] for host in HOSTS for entry in fleet.accepted(host)] == [["smoke"]] * 6
    again = fleet.play(4000)
    assert again.returncode == 0 and changed(again) == 0, said(again)
    kept = fleet.play(
        4000, "--limit", "node1,localhost", playbook="evaluate", evaluate_tasks=["aime25"],
        evaluate_reasoning_efforts=["low"], evaluate_baseline_path=str(fleet.root / "baseline.json"),
    )  # fmt: skip
    assert kept.returncode == 0, said(kept)
    assert not fleet.quarantine.exists()


def test_a_failing_third_wave_stops_rolls_back_and_quarantines(fleet: Fleet) -> None:
    fleet.drops = {"node6": 0.5}
    plan = fleet.play(5000, rollout_plan=True, **gated(fleet))
    assert plan.returncode == 0 and changed(plan) == 0, said(plan)
    assert "node6" in plan.stdout and "arguments" in plan.stdout
    fleet.seen.clear()
    run = fleet.play(5000, **gated(fleet))
    assert run.returncode == 2, said(run)
    assert "The rollout stopped after wave 3 of 3: 1 host failed (node6)" in said(run)
    assert fleet.served() == {**dict.fromkeys(HOSTS, "5000"), "node6": "4000"}
    assert [entry["proofs"] for entry in fleet.accepted("node5")] == [["smoke", "smoke_eval"], ["smoke"]]
    assert [entry["proofs"] for entry in fleet.accepted("node6")] == [["smoke"]]
    ((name, entry),) = yaml.safe_load(fleet.quarantine.read_text())["gpt_oss_quarantine"]["hosts"].items()
    assert name == "node6" and "smoke_eval: BAD" in entry["gpt_oss_quarantine_reason"]
    assert json.loads(shlex.split(entry["gpt_oss_quarantine_retest"])[-1]) == {
        "rollout_retest": ["node6"], "rollout_quarantine_path": str(fleet.quarantine), "rollout_gate": ["smoke_eval"],
    }  # fmt: skip
    # While it ran what failed, node6 was out of service; nobody was served by it.
    assert ("node6", "5000drop", True) in fleet.seen
    assert ("node6", "5000drop", False) not in fleet.seen
    assert ("node6", "4000", False) in fleet.seen
    again = fleet.play(5000, **gated(fleet))
    assert again.returncode == 0 and changed(again) == 0, said(again)
    assert "in quarantine: node6" in said(again) and fleet.served()["node6"] == "4000"


def test_after_repair_it_finishes(fleet: Fleet) -> None:
    fleet.drops = {}
    run = fleet.play(5000, "-i", str(fleet.quarantine), rollout_retest=["node6"], **gated(fleet))
    assert run.returncode == 0, said(run)
    assert "1 of 1 hosts accepted" in said(run)
    assert fleet.served() == dict.fromkeys(HOSTS, "5000")
    assert yaml.safe_load(fleet.quarantine.read_text()) == {"gpt_oss_quarantine": {"hosts": {}}}
    again = fleet.play(5000, **gated(fleet))
    assert again.returncode == 0 and changed(again) == 0, said(again)


def test_the_controller_is_killed_in_mid_wave(fleet: Fleet) -> None:
    controller = subprocess.Popen(
        fleet.command(6000, **gated(fleet)), cwd=ROOT, env=plain_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: fleet.served()["node2"] == "6000", 300)
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    assert len(fleet.accepted("node1")) == 3, "the canary had passed"
    assert fleet.accepted("node2")[0]["parameters"]["arguments"][-1] != "6000"
    fleet.seen.clear()
    time.sleep(1)
    assert ("node2", "6000", True) in fleet.seen, "it runs, unproven, and is out of service"
    run = fleet.play(6000, **gated(fleet))
    assert run.returncode == 0, said(run)
    assert "5 of 5 hosts accepted" in said(run) and counts(run, "node1")["changed"] == 0
    assert fleet.served() == dict.fromkeys(HOSTS, "6000")
    assert not list((fleet.root / "drained").iterdir())
