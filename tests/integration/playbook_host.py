"""A host of one test: its inventory, and the collection's playbooks run on it by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from conftest import DOCKER_HOST, MODEL, ROOT, simulated

PLAYBOOK = [str(Path(sys.executable).parent / "ansible-playbook")]


@dataclass
class Host:
    """One inventory of one host, whose root is a folder of the test."""

    root: Path
    inventory: Path
    server: dict[str, Any]
    variables: dict[str, Any] = field(default_factory=dict)

    def command(self, playbook: str, *options: str, **variables: Any) -> list[str]:
        extra = ["-e", json.dumps({**self.variables, **variables})]
        return [*PLAYBOOK, f"gpt_oss.fleet.{playbook}", "-i", str(self.inventory), *extra, *options]

    def play(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(playbook, *options, **variables),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=300,
            check=False,
        )

    def container(self, engine: docker.APIClient) -> dict[str, Any]:
        return dict(engine.inspect_container(self.server["name"]))


def this_machine(state: Path, environment: Path) -> dict[str, Any]:
    """Return the variables of a host that is this machine, its state in a folder of the test."""
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_state_path": str(state),
        "gpt_oss_environment_path": str(environment),
        "gpt_oss_docker_host": DOCKER_HOST,
        "prepare_wanted": False,
        "gpt_oss_gpus": 0,
        "preflight_hf_free": "1M",
        "preflight_docker_free": "1M",
    }


def one_host(root: Path, environment: Path, server: dict[str, Any]) -> Host:
    """Return an inventory of one host, this machine, with a model of nothing but its configuration and one server."""
    model = root / "model"
    model.mkdir()
    (model / "config.json").write_text('{"architectures": ["GptOssForCausalLM"]}')
    whole = {
        "model": MODEL,
        "pull": "never",
        "vllm_version": "0.32.0",
        "gpus": "none",
        "timeout": 60,
        "environment": simulated(),
        **server,
    }
    variables = {
        **this_machine(root / "state", environment),
        "hf_cache_models": [{"repo_id": MODEL, "source": str(model)}],
        "vllm_servers": [whole],
    }
    inventory = root / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"one": variables}}}))
    return Host(root, inventory, whole)


def counts(run: subprocess.CompletedProcess[str], host: str = "one") -> dict[str, int]:
    """Return the host's line of the recap."""
    line = re.search(rf"^{host}\s*: (.*)$", run.stdout, re.MULTILINE)
    assert line, run.stdout + run.stderr
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line.group(1))}


def said(run: subprocess.CompletedProcess[str]) -> str:
    """Return all output, its lines joined, as callbacks wrap them."""
    return " ".join((run.stdout + run.stderr).split())
