"""The deploy and teardown playbooks on one local host with a real engine and a simulated server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from conftest import MODEL
from playbook_host import Host, counts, one_host, said


@pytest.fixture
def host(tmp_path: Path, prefix: str, free_port: Callable[[], int], simulator_image: str, environment: Path) -> Host:
    server = {"name": f"{prefix}-server", "image": simulator_image, "port": free_port()}
    return one_host(tmp_path, environment, server)


def test_check_mode_on_a_bare_host_changes_nothing(host: Host, tmp_path: Path, engine: docker.APIClient) -> None:
    run = host.play("deploy", "--check", "--diff", gpt_oss_environment_path=str(tmp_path / "venv"))
    assert run.returncode == 0, run.stdout
    assert counts(run)["failed"] == 0
    assert "would_create" in run.stdout
    assert host.server["name"] in run.stdout
    assert "config.json" in run.stdout
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "venv").exists()
    assert not engine.containers(all=True, filters={"name": host.server["name"]})


# Quicker suites show the same: the demo twice, and the Molecule scenario vllm.
@pytest.mark.slow
def test_deployed_unchanged_mended_and_removed(host: Host, tmp_path: Path, engine: docker.APIClient) -> None:
    first = host.play("deploy")
    assert first.returncode == 0, first.stdout
    assert counts(first)["changed"] > 0
    state = host.container(engine)
    assert state["State"]["Running"]
    assert state["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    (commit,) = (p.name for p in (tmp_path / "state/huggingface/hub").glob("models--*/snapshots/*"))
    assert state["Config"]["Labels"]["gpt_oss.fleet.revision"] == commit
    drain = ["--shutdown-timeout", "60"]
    assert state["Config"]["Cmd"] == [MODEL, "--host", "0.0.0.0", "--port", "8000", *drain]

    second = host.play("deploy")
    assert (second.returncode, counts(second)["changed"]) == (0, 0), second.stdout
    assert host.container(engine)["Id"] == state["Id"]

    pinned = [{"repo_id": MODEL, "source": str(tmp_path / "model"), "revision": "v1"}]
    moved = host.play("deploy", hf_cache_models=pinned)
    assert moved.returncode == 0, moved.stdout
    assert host.container(engine)["Config"]["Cmd"][-2:] == ["--revision", commit]

    host.server["max_model_len"] = 4096
    drifted = host.play("deploy", "--diff", vllm_servers=[host.server])
    assert drifted.returncode == 0, drifted.stdout
    assert "--max-model-len" in drifted.stdout
    assert host.container(engine)["Config"]["Cmd"][5:] == ["--max-model-len", "4096", *drain]

    removed = host.play("teardown", teardown_purge=True, hf_cache_environment_path=str(tmp_path / "none"))
    assert removed.returncode == 0, removed.stdout
    assert counts(removed)["changed"] == 3
    assert not engine.containers(all=True, filters={"name": host.server["name"]})
    assert not (tmp_path / "state").exists()


def test_all_that_is_wrong_with_a_host_is_said_at_once(host: Host, tmp_path: Path) -> None:
    run = host.play(
        "deploy",
        preflight_report_path=str(tmp_path / "report"),
        gpt_oss_docker_host=f"unix://{tmp_path}/none.sock",
        preflight_hf_free="900T",
        vllm_servers=[
            {**host.server, "model": "openai/gpt-oss-20", "bind_address": "0.0.0.0"},
            {**host.server, "name": "other", "recipe": "2025", "tensor_paralel_size": 2},
        ],
    )
    assert run.returncode != 0
    assert "\\n" not in run.stdout
    report = json.loads((tmp_path / "report/one.json").read_text())
    assert f"one is NOT READY: {len(report['failing'])} errors" in said(run), run.stdout
    assert "Nothing was changed by preflight." in said(run)
    message = " ".join(problem["text"] for problem in report["failing"])
    for expected in (
        "did you mean 'openai/gpt-oss-20b'?",
        "would open the API to the network without a key",
        "unknown key 'tensor_paralel_size'",
        "2 servers have the port",
        "there is no Docker Engine at",
        "wanted 900 TiB of free disk",
    ):
        assert expected in message, (expected, run.stdout)
    assert not (tmp_path / "state").exists()


def test_a_server_that_fails_shows_no_secret_of_its_entry(host: Host) -> None:
    entry = {**host.server, "image": "gpt-oss-fleet/no-such-image:1", "environment": {"HF_TOKEN": "hf_kept-to-itself"}}
    run = host.play("serve", vllm_servers=[entry], vllm_simulator_wanted=False)
    assert run.returncode != 0
    assert "no-such-image" in run.stdout
    assert "kept-to-itself" not in run.stdout + run.stderr


@pytest.mark.parametrize("playbook", ["deploy", "teardown"])
def test_an_inventory_without_hosts_is_refused(playbook: str, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {}\n")
    run = Host(tmp_path, tmp_path / "hosts.yml", {}).play(playbook)
    assert run.returncode != 0
    assert "Expected hosts in the group or pattern" in said(run)


@pytest.mark.parametrize("limit", [(), ("--limit", "good")], ids=["all", "limited"])
@pytest.mark.parametrize("playbook", ["deploy", "teardown"])
def test_hosts_whose_names_lead_elsewhere_are_refused(playbook: str, limit: tuple[str, ...], tmp_path: Path) -> None:
    inventory = {"all": {"hosts": {"good": {}, "../elsewhere": {}}, "vars": {"ansible_connection": "local"}}}
    (tmp_path / "hosts.yml").write_text(json.dumps(inventory))
    run = Host(tmp_path, tmp_path / "hosts.yml", {}).play(playbook, *limit)
    assert run.returncode != 0
    assert 'found "../elsewhere"' in said(run)
