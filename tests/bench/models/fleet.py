"""A fleet in containers with shaped links, a look-alike of the Hub beside it, and the role hf_cache run on it.

Each connection of Ansible is an sshd of its own, started in the host by `docker exec`, as in molecule/README.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shaped_hosts import Host, docker, hosts, together

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from lookalike_hub import HubProcess  # noqa: E402  (the path comes first)

IMAGE = "gpt-oss-fleet/bench-models:debian12"
MODEL = "bench/model"
WHEELS = ROOT / ".cache/wheels/cp311"
_SSH = (
    "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    '-o ProxyCommand="docker exec -i {name} /usr/sbin/sshd -i -o UsePAM=no -o PermitRootLogin=yes '
    '-o PermitEmptyPasswords=yes"'
)
_PLAY = [{"hosts": "all", "gather_facts": False, "roles": ["gpt_oss.fleet.hf_cache"]}]


@dataclass(frozen=True)
class Run:
    """What one run of the role did: seconds, exit code, changed tasks by host, all that it said."""

    seconds: float
    rc: int
    changed: dict[str, int]
    output: str


class Fleet:
    """The hosts, and their inventory in a folder."""

    def __init__(self, members: list[Host], folder: Path) -> None:
        self.hosts = members
        self.folder = folder
        (folder / "play.yml").write_text(json.dumps(_PLAY))

    def run(
        self,
        members: list[Host] | None = None,
        options: tuple[str, ...] = (),
        own: dict[Host, dict[str, Any]] | None = None,
        **variables: Any,
    ) -> Run:
        """Run the role hf_cache on some hosts, or on all; `own` are variables of single hosts."""
        each = {host.name: {**self._variables(host), **(own or {}).get(host, {})} for host in members or self.hosts}
        inventory = {"all": {"hosts": each}}
        (self.folder / "hosts.json").write_text(json.dumps(inventory))
        (self.folder / "vars.json").write_text(json.dumps({"hf_cache_wheels": "/srv/wheels", **variables}))
        command = ["ansible-playbook", "-i", "hosts.json", "-e", "@vars.json", *options, "play.yml"]
        began = time.monotonic()
        done = subprocess.run(command, check=False, cwd=self.folder, env=_environment(), capture_output=True, text=True)
        return Run(time.monotonic() - began, done.returncode, _changed(done.stdout), done.stdout + done.stderr)

    def sums(self, cache: str, members: list[Host] | None = None) -> set[str]:
        """Return the different contents that hosts have of the model; one when all is well."""
        script = f"cd {cache}/hub/models--*/snapshots/* && find . -type l | sort | xargs sha256sum | sha256sum"
        return set(together([lambda host=host: host.run(script) for host in members or self.hosts]))

    def left(self, cache: str) -> str:
        """Return what a move has left on the hosts that should not be there."""
        script = (
            f"ls -d {cache}/hub/models--*/.gpt_oss/swarm-* 2>/dev/null; ps -eo args | grep -c '[A]nsiballZ' || true"
        )
        return "".join(together([lambda host=host: host.run(script) for host in self.hosts])).replace("0\n", "")

    @staticmethod
    def _variables(host: Host) -> dict[str, Any]:
        return {
            "ansible_host": host.name,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": _SSH.format(name=host.name),
            "hf_cache_share_address": host.address,
        }


@contextmanager
def fleet(prefix: str, count: int, rate: int, folder: Path) -> Iterator[Fleet]:
    """Start hosts with links of so many bytes a second, and make their managed environment."""
    subprocess.run([str(ROOT / "tests/bench/models/image.sh")], check=True)
    wheels = [sys.executable, str(ROOT / "tests/tools/host_wheels.py"), str(WHEELS)]
    subprocess.run(wheels, check=True)
    options = ["--init", "--entrypoint=sleep", f"--volume={WHEELS}:/srv/wheels:ro"]
    with hosts(prefix, count, IMAGE, rate, options, ["infinity"]) as members:
        together([lambda host=host: host.run("mkdir -p /run/sshd") for host in members])
        made = Fleet(members, folder)
        prepared = made.run(hf_cache_models=[])
        if prepared.rc != 0:
            raise RuntimeError(f"The managed environment could not be made:\n{prepared.output[-4000:]}")
        yield made


@contextmanager
def hub(prefix: str, files: int, megabytes: int, rate: int) -> Iterator[HubProcess]:
    """Start a Hub that serves a model of so many equal shards, at so many bytes a second, to the hosts of a fleet."""
    gateway = json.loads(docker("network", "inspect", f"{prefix}-net"))[0]["IPAM"]["Config"][0]["Gateway"]
    generated = f"{MODEL}={files}x{megabytes * 1_000_000 // files}"
    with HubProcess("--address", gateway, "--generated", generated, "--rate", str(rate)) as process:
        yield process


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
        "ANSIBLE_NOCOLOR": "true",
    }


def _changed(output: str) -> dict[str, int]:
    """Return the changed tasks of each host, as the recap tells them."""
    recap = output.partition("PLAY RECAP")[2].splitlines()[1:]
    rows = [line.split() for line in recap if " ok=" in line]
    return {row[0]: int(next(word for word in row if word.startswith("changed=")).partition("=")[2]) for row in rows}
