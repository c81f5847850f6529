"""The module by way of a playbook: packed and sent as to any host, twice, and in check mode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import ROOT, Parameters

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
      gpt_oss.fleet.vllm_container: "{{ server }}"
"""


def play(tmp_path: Path, parameters: Parameters, *options: str) -> dict[str, Any]:
    """Return the statistics of one run."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)
    server = {name: value for name, value in parameters.items() if name != "docker_host"}
    variables = {
        "server": server,
        "docker_host": parameters["docker_host"],
        "ansible_python_interpreter": sys.executable,
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
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [*command, *options, playbook],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    words = [word.partition("=") for line in recap.splitlines() if line.startswith("h1") for word in line.split()]
    return {"output": done.stdout, **{name: int(value) for name, equals, value in words if equals}}


def test_a_play_is_idempotent(parameters: Parameters, tmp_path: Path) -> None:
    told = play(tmp_path, parameters, "--check", "--diff")
    assert told["changed"] == 2 and "+    state: running" in told["output"]
    assert play(tmp_path, parameters)["changed"] == 2
    again = play(tmp_path, parameters)
    assert (again["ok"], again["changed"]) == (2, 0)
    assert play(tmp_path, parameters, "--check")["changed"] == 0
