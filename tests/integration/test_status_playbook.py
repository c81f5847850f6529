"""The playbook status over several hosts: one that serves, one that hangs, one without the environment, one away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, MODEL, ROOT, Parameters, Run, Seen
from liveness import signal_engine
from playbook_host import PLAYBOOK, Host, counts, said

HOSTS = ("serving", "hanging", "bare", "odd", "away")


@pytest.fixture
def fleet(tmp_path: Path, prefix: str, parameters: Parameters) -> Host:
    """Five hosts, all of them this machine but the one that is away."""

    def host(name: str, port: int = 1, **variables: Any) -> dict[str, Any]:
        server = {"name": f"{prefix}-{name}", "port": port, "environment": {"HF_TOKEN": "hf_shouldStaySecret1"}}
        return {"vllm_servers": [server], "gpt_oss_state_path": str(tmp_path / name), **variables}

    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "vllm_python": sys.executable,
        "gpt_oss_docker_host": DOCKER_HOST,
        "vllm_liveness_stall_seconds": 2,
        "vllm_defaults": {"image": parameters["image"], "vllm_version": "0.32.0", "gpus": "none", "model": MODEL},
    }
    hosts = {
        "serving": host("serving", parameters["port"]),
        "hanging": host("hanging", parameters["port"] + 1),
        "bare": host(
            "bare", vllm_python="/nowhere/bin/python", vllm_servers=[{"name": f"{prefix}-bare", "replicas": 1}]
        ),
        "odd": host("odd", vllm_servers="{{ no_such_variable }}"),
        "away": host("away", ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1),
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    return Host(
        tmp_path, inventory, {"name": f"{prefix}-serving"}, {"status_report_path": str(tmp_path / "status.json")}
    )


@pytest.mark.fault(
    kind="host unreachable",
    stage="status",
    fault="of five hosts one is away, one has no environment, one hangs, one's variables are wrong",
    sees="4 of 5 servers on 5 hosts need attention",
    kept="nothing is changed on any host",
    next_run="looks again",
)
def test_the_fleet_in_one_look(
    fleet: Host, vllm_container: Run, parameters: Parameters, engine: docker.APIClient, prefix: str, seen: Seen
) -> None:
    for name, port in (("serving", parameters["port"]), ("hanging", parameters["port"] + 1)):
        started = vllm_container({**parameters, "name": f"{prefix}-{name}", "port": port})
        assert not started.get("failed"), started["msg"]

    well = fleet.play("status", "--limit", "serving", "--check")
    assert well.returncode == 0, said(well)
    assert "All well: 1 server on 1 host: 1 idle." in said(well)
    assert not (fleet.root / "status.json").exists() and not (fleet.root / "serving").exists()

    signal_engine(engine.inspect_container(f"{prefix}-hanging"), signal.SIGSTOP)
    run = fleet.play("status")
    assert run.returncode == 2, said(run)
    failed = {name: counts(run, name)["failed"] for name in HOSTS}
    assert failed == {"serving": 0, "hanging": 1, "bare": 1, "odd": 1, "away": 1}, said(run)
    assert all(counts(run, name)["changed"] == 0 for name in HOSTS)
    told = said(run)
    seen(told)
    assert "4 of 5 servers on 5 hosts need attention" in told
    assert "hf_shouldStaySecret1" not in told

    report = json.loads((fleet.root / "status.json").read_text())
    rows = {row["host"]: row for row in report["servers"]}
    assert {host: row["verdict"] for host, row in rows.items()} == {
        "serving": "idle",
        "hanging": "stuck",
        "bare": "unknown",
        "odd": "unknown",
        "away": "unreachable",
    }
    assert "kill -CONT" in rows["hanging"]["remedy"] and "/nowhere/bin/python" in rows["bare"]["sentence"]
    assert "no_such_variable" in rows["odd"]["sentence"] and "cannot be reached" in rows["away"]["sentence"]
    # Replicas are told by their own names.
    assert rows["bare"]["name"] == f"{prefix}-bare-0"
    assert rows["away"]["name"] == f"{prefix}-away" and len({tuple(sorted(row)) for row in rows.values()}) == 1
    table = report["table"]
    assert max(map(len, table)) <= 120 and all(line in run.stdout for line in table)
    assert (fleet.root / "serving" / "servers" / f"{prefix}-serving" / "liveness.json").exists()


LOOK = """
- hosts: serving
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: gpt_oss.fleet.vllm
        tasks_from: liveness
    - ansible.builtin.debug:
        msg: "{{ gpt_oss_liveness | map(attribute='verdict') | join() }} and on"
"""


def test_the_role_fails_by_itself(fleet: Host, vllm_container: Run, parameters: Parameters, prefix: str) -> None:
    playbook = fleet.root / "look.yml"
    playbook.write_text(LOOK)
    command = [*PLAYBOOK, str(playbook), "-i", str(fleet.inventory)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert run.returncode == 2 and f"{prefix}-serving is absent" in said(run), said(run)
    assert "1 of 1 servers of serving needs attention" in said(run)
    started = vllm_container({**parameters, "name": f"{prefix}-serving"})
    assert not started.get("failed"), started["msg"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert run.returncode == 0 and "idle and on" in said(run), said(run)
