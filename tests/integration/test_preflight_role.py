"""The role preflight on this machine: what it asks for, how it shows what it found, and that it writes nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from playbook_host import PLAYBOOK, this_machine

PLAY = [{"hosts": "all", "gather_facts": False, "roles": ["gpt_oss.fleet.preflight"]}]
SERVER = {"name": "a-server", "model": "openai/gpt-oss-20b", "port": 22999, "gpus": "none"}
HERE = {**SERVER, "image": "here:1", "pull": "never", "vllm_version": "0.32.0"}
MODEL = {"repo_id": "openai/gpt-oss-20b"}
# Nothing answers there, and at once.
MIRROR = "http://127.0.0.1:1"
HOSTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "usual": (
        {"vllm_servers": [SERVER], "hf_cache_models": [MODEL]},
        ["https://huggingface.co", "https://registry-1.docker.io/v2/"],
    ),
    "mirrors": (
        {
            "vllm_servers": [{**SERVER, "image": "127.0.0.1:1/vllm/vllm-openai:v0.33.0"}],
            "hf_cache_models": [{**MODEL, "endpoint": MIRROR}],
        },
        [MIRROR, "https://127.0.0.1:1/v2/"],
    ),
    "defaults": (
        {
            "vllm_defaults": {"image": "localhost/vllm:v0.33.0", "model": "openai/gpt-oss-20b"},
            "vllm_servers": [SERVER, {**HERE, "name": "b-server", "port": 22998}],
        },
        ["https://localhost/v2/"],
    ),
    "folders": ({"vllm_servers": [HERE], "hf_cache_models": [{**MODEL, "source": "/srv/model"}]}, []),
    "offline": ({"vllm_servers": [SERVER], "hf_cache_models": [MODEL], "gpt_oss_offline": True}, []),
}


def play(folder: Path, hosts: dict[str, Any], result_format: str = "yaml", **variables: Any) -> Any:
    inventory = {
        "all": {"hosts": {name: {**this_machine(folder / "state", folder), **own} for name, own in hosts.items()}}
    }
    (folder / "hosts.yml").write_text(json.dumps(inventory))
    (folder / "play.yml").write_text(json.dumps(PLAY))
    return subprocess.run(
        [*PLAYBOOK, str(folder / "play.yml"), "-i", str(folder / "hosts.yml"), "-e", json.dumps(variables)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": result_format},
        timeout=300,
        check=False,
    )


def test_what_is_asked_for_is_what_is_used(tmp_path: Path) -> None:
    report = tmp_path / "made" / "report"
    run = play(tmp_path, {name: own for name, (own, _expected) in HOSTS.items()}, preflight_report_path=str(report))
    assert run.returncode == 0, run.stdout + run.stderr
    assert sorted(path.name for path in report.iterdir()) == sorted(f"{name}.json" for name in HOSTS)
    for name, (_own, expected) in HOSTS.items():
        content = json.loads((report / f"{name}.json").read_text())
        assert content["name"] == name
        assert sorted(content["host"]["addresses"]) == sorted(expected), name
        unreachable = [problem["found"] for problem in content["problems"] if problem["id"] == "address_unreachable"]
        assert len(unreachable) == sum(not found["ok"] for found in content["host"]["addresses"].values())
        assert f"{name} is ready: " in run.stdout


@pytest.mark.parametrize("result_format", ["yaml", "json"])
def test_the_table_looks_the_same_in_each_format(tmp_path: Path, result_format: str) -> None:
    wanted = {"vllm_servers": [HERE], "preflight_hf_free": "900T", "gpt_oss_docker_host": "unix:///nowhere.sock"}
    run = play(tmp_path, {"one": wanted}, result_format)
    assert run.returncode != 0
    assert "one is NOT READY: 2 errors (" in run.stdout
    lines = [line for line in run.stdout.splitlines() if line.startswith("ERROR ")]
    assert [line.split("  ")[1] for line in lines] == ["Docker", "disk for models"], run.stdout
    assert "one is not ready for gpt-oss: 2 problems (docker_missing, disk_full)." in run.stdout + run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts.yml", "play.yml"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"preflight_fail_on": "never"}, "one is let pass: 1 error ("),
        ({"preflight_accepted": ["disk_full"]}, "one is ready: 1 warning ("),
    ],
)
def test_what_does_not_fail(tmp_path: Path, variables: dict[str, Any], said: str) -> None:
    run = play(tmp_path, {"one": {"vllm_servers": [HERE], "preflight_hf_free": "900T"}}, **variables)
    assert run.returncode == 0, run.stdout + run.stderr
    assert said in run.stdout
    assert "disk for models" in run.stdout


def test_the_engine_is_asked_where_it_is(tmp_path: Path) -> None:
    report = tmp_path / "report"
    run = play(tmp_path, {"one": {"vllm_servers": [HERE]}}, preflight_report_path=str(report))
    assert run.returncode == 0, run.stdout + run.stderr
    host = json.loads((report / "one.json").read_text())["host"]
    assert host["docker"]["version"]
    assert host["docker"]["root"] in host["filesystems"]
