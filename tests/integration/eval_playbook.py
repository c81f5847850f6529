"""playbooks/evaluate.yml on one host of this machine, against a loopback server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from eval_harness import ROOT, Evals, environment


@dataclass
class Playbook:
    """The playbook with its inventory; ``variables`` are those of its only host, node1."""

    evals: Evals
    variables: dict[str, Any]

    def __post_init__(self) -> None:
        folder = self.evals.folder
        common = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
            "gpt_oss_environment_path": sys.prefix, "gpt_oss_state_path": str(folder / "state"),
            "vllm_servers": [{"name": "one", "port": self.evals.server.port, "served_model_name": "test-model"}],
            "evaluate_containers": False, "evaluate_tasks": ["gpqa"], "evaluate_reasoning_efforts": ["low"],
            "evaluate_data": self.evals.options["data"], "evaluate_report_path": str(folder / "report"),
        }  # fmt: skip
        hosts = {"all": {"vars": {**common, **self.variables}, "hosts": {"node1": {}}}}
        (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))

    def run(self, *arguments: str) -> str:
        """Run it and return all it printed."""
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.evals.folder / "hosts.yml")]
        done = subprocess.run(
            [*command, "gpt_oss.fleet.evaluate", *arguments], cwd=ROOT, env=environment(), capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def report(self) -> dict[str, Any]:
        found = json.loads((self.evals.folder / "report" / "report.json").read_text())
        assert isinstance(found, dict)
        return found


def unchanged(output: str) -> bool:
    """Whether nothing changed or failed."""
    return re.search(r"node1 +: .*changed=0 .*failed=0", output) is not None
