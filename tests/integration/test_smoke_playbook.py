"""The playbook smoke over several hosts: a sound one, one whose server leaks, a silent one, one out of reach."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import DOCKER_HOST, MODEL, Parameters, Run, simulated
from playbook_host import Host, counts, said
from smoke_client import CHECKS, wait_until_listed

NAMES = ("sound", "leaky", "silent", "away")


@pytest.fixture
def fleet(tmp_path: Path, prefix: str, simulator_image: str, free_port: Callable[[], int]) -> Host:
    """Four hosts, a server each; no container runs yet."""

    def host(name: str, **variables: Any) -> dict[str, Any]:
        return {"vllm_servers": [{"name": f"{prefix}-{name}", "port": free_port()}], **variables}

    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "vllm_python": sys.executable,
        "gpt_oss_state_path": str(tmp_path),
        "gpt_oss_docker_host": DOCKER_HOST,
        "gpt_oss_gpus": 0,
        "vllm_defaults": {"image": simulator_image, "vllm_version": "0.32.0", "gpus": "none", "model": MODEL},
    }
    hosts = {name: host(name) for name in NAMES}
    hosts["away"] |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    variables = {"vllm_smoke_report_path": str(tmp_path / "report"), "vllm_smoke_timeout": 20}
    return Host(tmp_path, inventory, hosts, variables)


def start(fleet: Host, name: str, parameters: Parameters, run: Run, **configuration: Any) -> None:
    """Start the server of a host as no deployment would: with faults."""
    server = fleet.server[name]["vllm_servers"][0]
    wanted = {**parameters, "name": server["name"], "port": server["port"], "environment": simulated(**configuration)}
    started = run({**wanted, "wait": False})
    assert not started.get("failed"), started["msg"]
    wait_until_listed(f"http://127.0.0.1:{server['port']}/v1")


def test_all_hosts_are_told(fleet: Host, vllm_container: Run, parameters: Parameters, prefix: str) -> None:
    start(fleet, "sound", parameters, vllm_container)
    start(fleet, "leaky", parameters, vllm_container, faults=[{"kind": "leak", "match": "smoke/chat-low/*"}])
    report = fleet.root / "report"
    checked = fleet.play("smoke", "--check", "--limit", "sound")
    assert checked.returncode == 0, said(checked)
    assert not report.exists()

    run = fleet.play("smoke")
    assert run.returncode == 4, said(run)
    assert {name: counts(run, name)["failed"] for name in NAMES} == {"sound": 0, "leaky": 1, "silent": 1, "away": 0}
    assert counts(run, "away")["unreachable"] == 1
    assert all(counts(run, name)["changed"] == 0 for name in NAMES)
    told = said(run)
    assert f"1 of 3 servers passed; failed: leaky/{prefix}-leaky and silent/{prefix}-silent; not tested: away." in told
    assert "SIMULATED" in told
    assert "expected no mark of a channel in the text" in told

    root = ElementTree.parse(report / "junit.xml").getroot()
    suites = {suite.attrib["hostname"]: suite.attrib for suite in root}
    assert {name: (suites[name]["failures"], suites[name]["errors"]) for name in NAMES} == {
        "sound": ("0", "0"),
        "leaky": ("1", "0"),
        "silent": ("0", "1"),
        "away": ("0", "1"),
    }
    assert suites["sound"]["tests"] == str(len(CHECKS))
    document = json.loads((report / "smoke.json").read_text())
    rows = {host["host"]: host["servers"] for host in document["hosts"]}
    assert [check["name"] for check in rows["sound"][0]["checks"]] == CHECKS
    assert (rows["sound"][0]["ok"], rows["sound"][0]["simulated"], rows["sound"][0]["model"]) == (True, True, MODEL)
    assert "could not start" in rows["silent"][0]["problem"]
    assert rows["away"] == []


def test_a_run_that_reaches_nobody_leaves_no_report_of_another_day(fleet: Host) -> None:
    report = fleet.root / "report"
    report.mkdir()
    (report / "junit.xml").write_text("all was well yesterday")
    run = fleet.play("smoke", "--limit", "away")
    assert run.returncode == 4, said(run)
    [suite] = ElementTree.parse(report / "junit.xml").getroot()
    assert (suite.attrib["hostname"], suite.attrib["errors"]) == ("away", "1")


def test_without_a_path_nothing_is_written(
    fleet: Host, vllm_container: Run, parameters: Parameters, prefix: str
) -> None:
    start(fleet, "sound", parameters, vllm_container)
    run = fleet.play("smoke", "--limit", "sound", vllm_smoke_report_path="", vllm_smoke_compare_efforts=False)
    assert run.returncode == 0, said(run)
    assert "Smoke test: all of 1 server passed." in said(run)
    assert not (fleet.root / "report").exists()
