# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose secrets are canaries, given in every way that is accepted, and the places where each may be."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import yaml
from conftest import MODEL, ROOT, simulated
from hub_harness import Hub
from playbook_host import PLAYBOOK, this_machine
from secrets_harness import Canary, Finding, Watch, found_below, found_in, found_in_container, telling_environment

DATA = ROOT / "inventories" / "demo" / "files"
AIME = [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]
# Only root can give a file to somebody else.
USER = "2000:0" if os.geteuid() == 0 else f"{os.getuid()}:{os.getgid()}"
_PASSWORD = b"of the test"
# What the environment of a server holds is told by the engine, is kept for going back, and is had by its processes.
_OF_SERVERS = ("variable", "environment", "vault")


class Vaulted(str):
    """A text that an inventory holds encrypted."""


class _Dumper(yaml.SafeDumper):
    pass


def _encrypted(dumper: yaml.SafeDumper, text: Vaulted) -> yaml.Node:
    # By the command: with the controller's own code in this process modules would keep their warnings to themselves.
    with tempfile.NamedTemporaryFile() as password:
        password.write(_PASSWORD)
        password.flush()
        command = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", "--output", "-"]
        command += ["--vault-password-file", password.name]
        told = subprocess.run(command, input=str(text), text=True, check=True, capture_output=True).stdout
    return dumper.represent_scalar("!vault", told, style="|")


_Dumper.add_representer(Vaulted, _encrypted)


@dataclass
class Site:
    """One host, this machine; `root` holds all that is written on it and on the controller."""

    root: Path
    name: str
    port: int
    image: str
    environment: Path
    hub: Hub
    engine: docker.APIClient
    canaries: dict[str, Canary] = field(
        default_factory=lambda: {name: Canary(name) for name in ("key", "token", *_OF_SERVERS)}
    )
    plays: int = 0
    found: set[Finding] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("key", "token"):
            path = self.root / name
            path.write_text(self.canaries[name].value + "\n")
            path.chmod(0o600)
        (self.root / "vault_password").write_bytes(_PASSWORD)
        (self.root / "hosts.yml").write_text(self._inventory())

    def play(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook with all that can be told, and keep what it said; it is watched meanwhile."""
        command = [
            *PLAYBOOK, f"gpt_oss.fleet.{playbook}", "-i", str(self.root / "hosts.yml"), "-vvvv", "--diff",
            "--vault-password-file", str(self.root / "vault_password"), "-e", json.dumps(variables), *options,
        ]  # fmt: skip
        environment = telling_environment(self.root / "told")
        environment["HUB_TOKEN_OF_THE_USER"] = self.canaries["environment"].value
        with Watch(self.engine, self.canaries.values()) as watch:
            done = subprocess.run(
                command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
            )
        self.found |= watch.found
        self.plays += 1
        for stream, text in (("stdout", done.stdout), ("stderr", done.stderr)):
            (self.root / "told" / f"{self.plays}-{playbook}.{stream}").write_text(text)
        if self.engine.containers(all=True, filters={"name": f"^/{self.name}$"}):
            self.found |= found_in_container(self.engine, self.name, self.canaries.values())
        return done

    def leaks(self) -> list[Finding]:
        """Return the canaries that are where they may not be."""
        found = self.found | found_below(self.root, self.canaries.values()) | self._journal()
        return sorted(finding for finding in found if not self._may(finding))

    def told(self, name: str) -> bool:
        """Tell whether the host has a place in which this canary may be, and is: what is never there cannot leak."""
        found = self.found | found_below(self.root, [self.canaries[name]])
        return any(finding.canary == name and self._may(finding) for finding in found)

    def _may(self, finding: Finding) -> bool:
        place = finding.place
        if place == str(self.root / finding.canary):
            return self._closed(Path(place))
        if place == str(self.root / "hosts.yml"):
            return finding.canary == "variable"
        if finding.canary == "key":
            copy = Path(place) == self.root / "state/servers/keys" / self.name
            return (copy and self._closed(Path(place))) or place == "environ on a container"
        if finding.canary == "environment" and place == "environ on the host":
            return True
        if finding.canary in _OF_SERVERS and Path(place).name == "accepted.json":
            return self._closed(Path(place))
        return finding.canary in _OF_SERVERS and place in (f"docker inspect {self.name}", "environ on a container")

    @staticmethod
    def _closed(path: Path) -> bool:
        """Tell whether nobody but its owner may read a file that is still there."""
        return not path.exists() or stat.S_IMODE(path.stat().st_mode) & 0o077 == 0

    def _journal(self) -> set[Finding]:
        """Return what journald holds of this run; not every machine has one."""
        command = ["journalctl", "--since", "-1h", "--output", "cat", "--no-pager"]
        try:
            told = subprocess.run(command, capture_output=True, check=False, timeout=60).stdout
        except OSError:
            return set()
        return found_in(told, "journald", self.canaries.values())

    def _inventory(self) -> str:
        server = {
            "name": self.name, "image": self.image, "model": MODEL, "port": self.port, "pull": "never",
            "vllm_version": "0.32.0", "gpus": "none", "timeout": 60, "user": USER, "guard": True,
            "api_key_file": str(self.root / "key"),
            "environment": {
                **simulated(data={"aime25": [f"/simulator/{Path(path).name}" for path in AIME]}),
                "HF_TOKEN": "{{ lookup('ansible.builtin.env', 'HUB_TOKEN_OF_THE_USER') }}",
                "MIRROR_PASSWORD": self.canaries["variable"].value,
                "OTHER_API_KEY": Vaulted(self.canaries["vault"].value),
            },
            "volumes": [f"{DATA}/{Path(path).name}:/simulator/{Path(path).name}:ro" for path in AIME],
        }  # fmt: skip
        folders = {
            "evaluate_report_path": "report", "collect_env_path": "collected", "support_bundle_path": "support",
            "vllm_smoke_report_path": "smoke", "preflight_report_path": "preflight", "rollout_quarantine_path": "q.yml",
            "status_report_path": "status.json", "cache_report_path": "caches.json", "evaluate_data_cache": "data",
        }  # fmt: skip
        variables = {
            **this_machine(self.root / "state", self.environment),
            "ansible_python_interpreter": sys.executable,
            "hf_cache_models": [
                {"repo_id": MODEL, "endpoint": self.hub.endpoint, "token_file": str(self.root / "token")}
            ],
            "vllm_servers": [server],
            "evaluate_tasks": ["aime25"], "evaluate_reasoning_efforts": ["low"], "evaluate_n_repeats": 1,
            "evaluate_data": {"aime25": AIME}, "evaluate_reference_data": "any", "evaluate_subset": 5,
            "evaluate_poll_interval": 1, "evaluate_fetch_samples": True, "evaluate_report_samples": 5,
            "evaluate_fail_on": ["missing"],
            **{variable: str(self.root / path) for variable, path in folders.items()},
        }  # fmt: skip
        return yaml.dump({"all": {"hosts": {"one": variables}}}, Dumper=_Dumper)


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """Return the end of what a run said, as far as it is about what failed."""
    return "\n".join(re.findall(r"(?:fatal|failed|ERROR|msg).*", done.stdout)[-20:]) + done.stderr[-2000:]
