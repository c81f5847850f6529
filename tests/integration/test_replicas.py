"""One entry with replicas on a local host with a real engine: several servers, deployed, unchanged and removed."""

from __future__ import annotations

import socket
from pathlib import Path

import docker
import pytest
from playbook_host import Host, counts, one_host

pytestmark = pytest.mark.slow

REPLICAS = 2


def free_ports(count: int) -> int:
    """Return a port that is free, as are those after it."""
    for first in range(23000, 32000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no ports are free")


@pytest.fixture
def host(tmp_path: Path, prefix: str, simulator_image: str, environment: Path) -> Host:
    server = {"name": f"{prefix}-server", "image": simulator_image, "port": free_ports(REPLICAS), "replicas": REPLICAS}
    return one_host(tmp_path, environment, server)


def test_replicas_are_servers_of_their_own(host: Host, engine: docker.APIClient) -> None:
    names = [f"{host.server['name']}-{number}" for number in range(REPLICAS)]
    first = host.play("deploy")
    assert first.returncode == 0, first.stdout
    for number, name in enumerate(names):
        (published,) = engine.inspect_container(name)["HostConfig"]["PortBindings"]["8000/tcp"]
        assert published["HostPort"] == str(host.server["port"] + number)
    second = host.play("deploy")
    assert (second.returncode, counts(second)["changed"]) == (0, 0), second.stdout
    smoked = host.play("smoke")
    assert smoked.returncode == 0, smoked.stdout
    removed = host.play("teardown")
    assert removed.returncode == 0, removed.stdout
    assert not engine.containers(all=True, filters={"name": host.server["name"]})
