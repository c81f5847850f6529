"""The documentation's commands as they stand there, on two simulated hosts of this machine, one after the other.

Which, in what order, and what they must say: tests/docs/commands.yml. What is not run is checked by tests/docs.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import MODEL, ROOT, simulated
from playbook_host import this_machine

sys.path.insert(0, str(ROOT / "tests" / "docs"))

from doc_pages import Command, blocks  # noqa: E402
from doc_rules import Rule, to_run  # noqa: E402

pytestmark = pytest.mark.slow

RUN = list(to_run())
SHOWN = "b200-02"
# What the pages call the fleet, the shown host and its server, and the demo's: all are the sandbox's.
NAMES = (
    ("inventories/demo", "inventory"),
    ("demo-node1-gpt-oss-20b", "SERVER"),
    ("gpt-oss-120b", "SERVER"),
    ("node1", SHOWN),
)
DATA = ROOT / "inventories" / "demo" / "files"


@dataclass(frozen=True)
class Sandbox:
    """A folder with an inventory of simulated hosts, in which commands are typed."""

    folder: Path
    prefix: str

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command, with the sandbox's own names in it."""
        for name, own in (*NAMES, ("SERVER", f"{self.prefix}-{SHOWN}")):
            command = command.replace(name, own)
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def variables(folder: Path, prefix: str, image: str) -> dict[str, Any]:
    """Return the variables of all hosts: this machine, a server of the simulator each, and a short eval."""
    mounted = {"gpqa": ["/data/gpqa_demo.csv"]}
    return {
        **this_machine(folder / "{{ inventory_hostname }}", folder / "venv"),
        "gpt_oss_throttle": 1,
        "hf_cache_models": [{"repo_id": MODEL, "source": str(DATA / "model")}],
        "vllm_servers": [
            {
                "name": f"{prefix}-{{{{ inventory_hostname }}}}",
                "model": MODEL,
                "image": image,
                "pull": "never",
                "vllm_version": "0.32.0",
                "gpus": "none",
                "port": "{{ server_port }}",
                "timeout": 60,
                "environment": simulated(data=mounted, answers={"gpqa": {"low": {"accuracy": 0.6}}}),
                "volumes": [f"{DATA}:/data:ro"],
            }
        ],
        "evaluate_tasks": ["gpqa"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_n_repeats": 4,
        "evaluate_data": {"gpqa": [str(DATA / "gpqa_demo.csv")]},
        "evaluate_reference_data": "any",
        "evaluate_slow_tolerance": 0.9,
        "evaluate_fail_on": [],
    }


@pytest.fixture(scope="module")
def sandbox(
    engine: docker.APIClient, simulator_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    folder, prefix = tmp_path_factory.mktemp("fleet"), f"docs-{os.getpid()}-{secrets.token_hex(3)}"
    (folder / "inventory" / "group_vars").mkdir(parents=True)
    base = 20000 + os.getpid() % 10000
    hosts = {"b200-01": {"server_port": base}, SHOWN: {"server_port": base + 1}}
    (folder / "inventory" / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    known = variables(folder, prefix, simulator_image)
    (folder / "inventory" / "group_vars" / "all.yml").write_text(json.dumps(known))
    yield Sandbox(folder, prefix)
    for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        engine.remove_container(container["Id"], force=True, v=True)


def test_the_collection_is_installed_as_the_guide_says(tmp_path: Path) -> None:
    """From a checkout, whose own ansible.cfg has Ansible look for collections in it."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    packed = subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=files, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=checkout, input=packed.stdout, check=True)
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    first = next(block.text for block in blocks(guide) if "ansible-galaxy collection install" in block.text)
    typed = [line for line in first.split("\n") if line.startswith("ansible-galaxy ")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(typed)], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    installed = tmp_path / ".ansible/collections/ansible_collections/gpt_oss/fleet"
    assert (installed / "playbooks/deploy.yml").is_file() and (installed / "inventories/b200/hosts.yml").is_file()
    assert (installed / "docs/failures/gpu_busy.md").is_file()


@pytest.mark.parametrize(("rule", "command"), RUN, ids=[command.text[:80] for _rule, command in RUN])
def test_a_command_does_what_the_pages_say(rule: Rule, command: Command, sandbox: Sandbox) -> None:
    done = sandbox.type(command.text)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == rule.rc, f"{command.page}:{command.line}: {said[-3000:]}"
    assert re.search(rule.says, said), f"{command.page}:{command.line}: {said[-3000:]}"
