"""The playbook collect_env over several hosts: a sound one, an odd one, one broken, one out of reach."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import DOCKER_HOST, MODEL, Parameters, Run, simulated
from playbook_host import Host, counts, said

TOKEN = "hf_thisIsNoRealTokenButLooksLikeOne"


@pytest.fixture
def fleet(tmp_path: Path, prefix: str, simulator_image: str) -> Host:
    """Five hosts; only the container of `running` runs."""

    def host(name: str, **variables: Any) -> dict[str, Any]:
        environment = {**simulated(), "VLLM_MARK": "alike", "HF_TOKEN": TOKEN}
        server = {"name": f"{prefix}-{name}", "environment": environment, **variables.pop("server", {})}
        return {"vllm_servers": [server], **variables}

    odd = {"environment": {**simulated(), "VLLM_MARK": "odd"}}
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "vllm_python": sys.executable,
        "gpt_oss_state_path": str(tmp_path),
        "gpt_oss_docker_host": DOCKER_HOST,
        "gpt_oss_gpus": 0,
        "vllm_defaults": {"image": simulator_image, "vllm_version": "0.32.0", "gpus": "none", "model": MODEL},
    }
    hosts = {
        "running": host("running"),
        "stopped": host("stopped"),
        "odd": host("odd", server=odd),
        "broken": host("broken", server={"image": "gpt-oss-fleet/no-such-image:v0.32.0"}),
        "away": host("away", ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1),
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    variables = {"collect_env_path": str(tmp_path / "report")}
    return Host(tmp_path, inventory, {"name": f"{prefix}-running"}, variables)


def test_the_fleets_differences(
    fleet: Host, vllm_container: Run, parameters: Parameters, engine: docker.APIClient, prefix: str
) -> None:
    environment = {**simulated(), "VLLM_MARK": "alike", "HF_TOKEN": TOKEN}
    started = vllm_container({**parameters, "name": fleet.server["name"], "environment": environment})
    assert not started.get("failed"), started["msg"]
    checked = fleet.play("collect_env", "--check")
    assert checked.returncode == 0, said(checked)
    told = said(checked)
    assert f"Would run: docker exec {prefix}-running vllm collect-env" in told
    assert "docker run --rm --network none" in told
    report = fleet.root / "report"
    assert not report.exists()

    run = fleet.play("collect_env")
    assert run.returncode == 2
    assert TOKEN not in run.stdout + run.stderr
    failed = {name: counts(run, name)["failed"] for name in ("running", "stopped", "odd", "broken", "away")}
    assert failed == {"running": 0, "stopped": 0, "odd": 0, "broken": 1, "away": 1}
    assert all(counts(run, name)["changed"] == 0 for name in failed)
    assert "odd variable VLLM_MARK odd (others alike)" in said(run)
    assert "Not collected: broken and away." in said(run)

    found = json.loads((report / "differences.json").read_text())
    rows = {row["key"]: row["odd"] for row in found["differences"]}
    assert rows["server.variables.VLLM_MARK"] == [{"value": "odd", "hosts": ["odd"]}]
    assert rows["server.source"] == [{"value": "server", "hosts": ["running"]}]
    assert [(row["host"], row["server"]) for row in found["not_collected"]] == [
        ("broken", f"{prefix}-broken"),
        ("away", f"{prefix}-away"),
    ]
    assert "VLLM_MARK" in (report / "differences.md").read_text()
    assert "VLLM_MARK=odd" in (report / "hosts" / "odd.txt").read_text()
    assert not (report / "hosts" / "away.txt").exists()
    kept = {path.name: path.read_text() for path in report.rglob("*.*")}
    assert len(kept) == 2 + 3 + 5 and not any(TOKEN in text for text in kept.values())
    one = json.loads(kept["running.json"])
    assert one["servers"][f"{prefix}-running"]["source"] == "server"
    assert one["host"]["kernel"]["release"] and one["gpu"]["present"] == 0
    names = [container["Names"][0] for container in engine.containers(all=True, filters={"name": prefix})]
    assert names == [f"/{prefix}-running"], "nothing else is left"
