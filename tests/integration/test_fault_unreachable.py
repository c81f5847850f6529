# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is reached by ssh, and whose cable is cut in mid-eval: a real ssh server in a network of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Seen
from eval_harness import SAMPLES, Evals, LoopbackServer, wait_for
from playbook_host import PLAYBOOK

pytestmark = pytest.mark.slow
HELD = SAMPLES // 4
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
ENVIRONMENT = {**os.environ, "PATH": PATH, "ANSIBLE_NOCOLOR": "1"}


class Cable:
    """A network of two: this machine, and a host behind a cable that can be cut."""

    def __init__(self) -> None:
        mark = secrets.token_hex(3)
        self.name, self.end, net = f"gof-{mark}", f"gof{mark}", 50 + secrets.randbelow(200)
        self.here, self.there = f"10.213.{net}.1", f"10.213.{net}.2"

    def lay(self) -> None:
        self._ip("netns", "add", self.name)
        self._ip("link", "add", self.end, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self._ip("address", "add", f"{self.here}/24", "dev", self.end)
        self._ip("-n", self.name, "address", "add", f"{self.there}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            self._ip("-n", self.name, "link", "set", link, "up")
        self.mend()

    def cut(self) -> None:
        self._ip("link", "set", self.end, "down")

    def mend(self) -> None:
        self._ip("link", "set", self.end, "up")

    def remove(self) -> None:
        self._ip("netns", "delete", self.name)

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, env=ENVIRONMENT)


@pytest.fixture
def cable() -> Iterator[Cable]:
    if os.geteuid() != 0:
        pytest.skip("a network of its own is made by root only")
    made = Cable()
    made.lay()
    yield made
    made.remove()


@pytest.fixture
def inventory(cable: Cable, tmp_path: Path) -> Iterator[Path]:
    """The host at the other end: an ssh server, and nothing else of its own but its network."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    settings = {
        "ListenAddress": cable.there, "Port": 22, "HostKey": tmp_path / "host", "PidFile": tmp_path / "pid",
        "AuthorizedKeysFile": tmp_path / "user.pub", "StrictModes": "no", "UsePAM": "no", "PermitRootLogin": "yes",
        "Subsystem": "sftp internal-sftp",
    }  # fmt: skip
    (tmp_path / "sshd").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    Path("/run/sshd").mkdir(exist_ok=True)
    inside = ["nsenter", f"--net=/run/netns/{cable.name}"]
    server = subprocess.Popen(
        [*inside, "/usr/sbin/sshd", "-D", "-e", "-f", tmp_path / "sshd"], env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    options = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={tmp_path}/known -o ControlPath=/tmp/{cable.name}"
    variables = {
        "ansible_host": cable.there, "ansible_connection": "ssh", "ansible_user": "root",
        "ansible_ssh_private_key_file": str(tmp_path / "user"), "ansible_ssh_common_args": options,
        "ansible_python_interpreter": sys.executable,
    }  # fmt: skip
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"h1": variables}}}))
    yield tmp_path / "hosts.json"
    server.terminate()
    server.wait()


@pytest.fixture
def evals(cable: Cable, inventory: Path) -> Iterator[Evals]:
    """Evals of a server on that host's loopback."""
    folder = inventory.parent
    server = LoopbackServer(folder, {"latency": 0.02, "hold": HELD})
    with inside(cable):
        server.start()
    evals = Evals(folder, server)
    yield evals
    evals.end()
    server.stop()


@contextlib.contextmanager
def inside(cable: Cable) -> Iterator[None]:
    """Be in the host's network: what is started meanwhile stays there."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{cable.name}", os.O_RDONLY)
    os.setns(other)
    try:
        yield
    finally:
        os.setns(own)
        os.close(own)
        os.close(other)


def controller(evals: Evals, inventory: Path) -> subprocess.Popen[str]:
    """Begin a run of the eval on that host; it notices a silent line within seconds."""
    (task, _keep) = evals.tasks("eval", evals.folder / "result.json", poll_interval=1)
    play = evals.folder / "play.yml"
    play.write_text(
        yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [{**task, "ignore_errors": False}]}])
    )
    quick = {"ConnectTimeout": 2, "ServerAliveInterval": 1, "ServerAliveCountMax": 2, "ControlPersist": 60}
    ssh = " ".join(f"-o {name}={value}" for name, value in {"ControlMaster": "auto", **quick}.items())
    return subprocess.Popen(
        [*PLAYBOOK, "-i", str(inventory), str(play)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**ENVIRONMENT, "ANSIBLE_SSH_ARGS": ssh},
    )  # fmt: skip


def under_way(evals: Evals, run: subprocess.Popen[str]) -> None:
    wait_for(lambda: evals.done() > 20 or run.poll() is not None, 60)
    assert run.poll() is None, run.communicate()[0]


def over(run: subprocess.Popen[str]) -> str:
    return " ".join(run.communicate(timeout=240)[0].split())


@pytest.mark.fault(
    kind="host unreachable",
    stage="evaluate",
    fault="the cable to a host is cut for ten seconds in mid-eval",
    sees="ok=1 changed=1 unreachable=0 failed=0",
    kept="the eval, which goes on by itself; each sample is asked once",
    next_run="nothing: the same run looked again until the host answered",
)
def test_a_cable_that_is_cut_for_a_while(evals: Evals, cable: Cable, inventory: Path, seen: Seen) -> None:
    run = controller(evals, inventory)
    under_way(evals, run)
    cable.cut()
    with inside(cable):
        evals.server.set(hold=None)
    time.sleep(10)
    assert run.poll() is None, "it waits for the host"
    cable.mend()
    seen(over(run))
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}


@pytest.mark.fault(
    kind="host unreachable",
    stage="evaluate",
    fault="the cable to a host is cut in mid-eval, and stays cut for longer than two minutes",
    sees="The host was out of reach for 120 s … The job runs on; run the playbook again to attach to it",
    kept="the eval, which goes on by itself; each sample is asked once",
    next_run="attaches to it, or finds it done",
)
def test_a_cable_that_stays_cut(evals: Evals, cable: Cable, inventory: Path, seen: Seen) -> None:
    run = controller(evals, inventory)
    under_way(evals, run)
    pid = evals.status()["pid"]
    cable.cut()
    with inside(cable):
        evals.server.set(hold=None)
    output = over(run)
    assert run.returncode != 0
    seen(output)
    assert evals.status()["state"] == "finished"
    cable.mend()
    again = controller(evals, inventory)
    assert "unreachable=0 failed=0" in over(again)
    assert evals.status()["pid"] == pid
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}
