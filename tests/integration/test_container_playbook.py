"""The module by way of a playbook: packed and sent as to any host, twice, and in check mode."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import ROOT, Parameters, Seen, simulated

PLAYBOOK = """
- hosts: all
  gather_facts: false
  module_defaults:
    group/gpt_oss.fleet.all:
      docker_host: "{{ docker_host }}"
  tasks:
    - name: Start
      gpt_oss.fleet.vllm_container: "{{ server | combine({'wait': false}) }}"
    - name: Wait
      gpt_oss.fleet.vllm_container: "{{ server | combine({'start': false}) }}"
"""


def play(
    tmp_path: Path, parameters: Parameters, *options: str, rc: int = 0, progress: str = "auto", ci: str = ""
) -> dict[str, Any]:
    """Return the statistics of one run."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)
    server = {name: value for name, value in parameters.items() if name != "docker_host"}
    variables = {
        "server": server,
        "docker_host": parameters["docker_host"],
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_progress": progress,
    }
    command = [
        Path(sys.executable).parent / "ansible-playbook",
        "-i",
        "h1,",
        "-c",
        "local",
        "-e",
        json.dumps(variables),
    ]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "CI": ci}
    done = subprocess.run(
        [*command, *options, playbook],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == rc, done.stdout + done.stderr
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    words = [word.partition("=") for line in recap.splitlines() if line.startswith("h1") for word in line.split()]
    return {
        "output": done.stdout,
        "errors": done.stderr,
        **{name: int(value) for name, equals, value in words if equals},
    }


def test_a_play_is_idempotent(parameters: Parameters, tmp_path: Path) -> None:
    told = play(tmp_path, parameters, "--check", "--diff")
    assert told["changed"] == 2 and "+    state: running" in told["output"]
    assert play(tmp_path, parameters)["changed"] == 2
    again = play(tmp_path, parameters)
    assert (again["ok"], again["changed"]) == (2, 0)
    assert play(tmp_path, parameters, "--check")["changed"] == 0


@pytest.mark.parametrize("progress", ["live", "terse", "off"])
def test_progress_is_shown_as_wanted(progress: str, parameters: Parameters, tmp_path: Path) -> None:
    """A start of twelve seconds: a line each five seconds, or one for each stage seen, or none, and the end's."""
    told = play(tmp_path, {**parameters, "environment": simulated(start_seconds=12)}, progress=progress)
    lines = re.findall(rf"^\[h1\] {parameters['name']}: (.*)$", told["output"], re.MULTILINE)
    if progress == "off":
        assert lines == []
        return
    *running, ready = lines
    assert 1 <= len(running) <= 4
    assert all(
        re.fullmatch(r"[a-z ]+( \d+/\d+ \w+ \(\d+ %\))?, \d:\d\d in it, \d:\d\d in all", line) for line in running
    )
    assert re.match(r"ready after 1\d\.\d s \(.*weights \d", ready)
    again = play(tmp_path, parameters | {"environment": simulated(start_seconds=12)}, progress=progress)
    assert again["changed"] == 0 and f"[h1] {parameters['name']}" not in again["output"]


def test_a_failed_start_is_told_with_all_that_is_known(parameters: Parameters, tmp_path: Path) -> None:
    fault = {"kind": "die", "stage": "load", "text": "torch.OutOfMemoryError: CUDA out of memory."}
    environment = simulated(start_seconds=2, faults=[fault])
    output = play(tmp_path, {**parameters, "environment": environment}, rc=2)["output"]
    for text in ("diagnosis: gpu_out_of_memory", "stage: weights", "exit_code: 1", "remedy:"):
        assert text in output
    status = json.loads((Path(parameters["state_path"]) / parameters["name"] / "status.json").read_text())
    assert status["state"] == "failed"


def test_a_server_that_died_between_the_tasks_is_not_started_anew(
    parameters: Parameters, tmp_path: Path, engine: docker.APIClient
) -> None:
    output = play(tmp_path, {**parameters, "arguments": ["--no-such-flag"]}, rc=2)["output"]
    assert "diagnosis: unknown_flag" in output and "exit_code: 2" in output
    assert engine.logs(parameters["name"]).decode().count("unrecognized arguments: --no-such-flag") == 1


@pytest.mark.fault(
    kind="controller killed",
    stage="serve",
    fault="the controller is killed with SIGKILL while a server starts",
    sees="ok=2 … failed=0",
    kept="the start, and the watch on the host, which sets the restart policy",
    next_run="attaches to the start, or finds it done",
)
def test_a_start_outlives_its_controller(
    parameters: Parameters, tmp_path: Path, engine: docker.APIClient, seen: Seen
) -> None:
    """Killed in mid-wait, the controller is missed by nobody: the watch sets the policy, and the next run attaches."""
    wanted = {**parameters, "environment": simulated(start_seconds=8)}
    script = (
        "import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_container_playbook as t; "
        "t.play(pathlib.Path(sys.argv[2]), json.loads(sys.argv[3]))"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path), json.dumps(wanted)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".ansible" / "collections")},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    status = Path(parameters["state_path"]) / parameters["name"] / "status.json"
    try:
        for _unused in range(300):
            if status.exists() and json.loads(status.read_text())["state"] == "running":
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the start was never watched")
    finally:
        os.killpg(runner.pid, signal.SIGKILL)
        runner.wait()
    started = engine.inspect_container(parameters["name"])
    assert started["HostConfig"]["RestartPolicy"]["Name"] == "no"
    again = play(tmp_path, wanted)
    seen(" ".join(again["output"].split()))
    assert again["changed"] <= 1, "the second task may set the policy, if it is there before the watch"
    ready = engine.inspect_container(parameters["name"])
    assert ready["Id"] == started["Id"] and ready["State"]["StartedAt"] == started["State"]["StartedAt"]
    assert ready["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert json.loads(status.read_text())["state"] == "finished"


@pytest.mark.fault(
    kind="job killed",
    stage="serve",
    fault="the process on the host that watches a start is killed",
    sees="ready after … failed=0",
    kept="the start",
    next_run="nothing: the controller has it watched again",
)
def test_a_watch_that_is_killed_is_started_again(parameters: Parameters, tmp_path: Path, seen: Seen) -> None:
    # Still starting when the second play comes to watch, on a slow machine too.
    wanted = {**parameters, "environment": simulated(start_seconds=25)}
    play(tmp_path, {**wanted, "wait": False})
    folder = Path(parameters["state_path"]) / parameters["name"]
    killer = (
        'for link in /proc/[0-9]*/fd/*; do if [ "$(readlink $link)" = ' + str(folder / "lock") + " ]; then "
        "pid=${link#/proc/}; kill -9 ${pid%%/*}; exit; fi; done"
    )
    once_watched = f"until [ -e {folder}/status.json ]; do sleep 0.1; done; sleep 1; {killer}"
    with subprocess.Popen(["timeout", "120", "sh", "-c", once_watched]):
        told = play(tmp_path, wanted)
    seen(" ".join(told["output"].split()))
    assert "ready after" in told["output"]
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"


def test_where_no_state_can_be_kept_it_waits_without_progress(parameters: Parameters, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wanted = {**parameters, "state_path": str(tmp_path / "file"), "environment": simulated(start_seconds=5)}
    told = play(tmp_path, wanted, progress="live")
    assert "watched without progress" in " ".join(told["errors"].split()) and told["changed"] == 2
