"""Hosts in containers whose network has a limited rate, out and in: a fleet on one machine.

The rate is shaped inside each container: a token bucket on what leaves, and one on what arrives, which goes through an
ifb device (tc-tbf(8), tc-mirred(8)). The containers need NET_ADMIN for that, no more.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# A bucket holds what passes at full rate in some milliseconds; the kernel hands over up to 64 KiB at a time.
_BURST = 256 * 1024
_QUEUE_SECONDS = 0.1
_SHAPE = """
set -e
tc qdisc replace dev eth0 root tbf rate {bits}bit burst {burst} limit {limit}
ip link add ifb0 type ifb 2>/dev/null || true
ip link set ifb0 up
tc qdisc replace dev ifb0 root tbf rate {bits}bit burst {burst} limit {limit}
tc qdisc add dev eth0 handle ffff: ingress 2>/dev/null || true
tc filter replace dev eth0 parent ffff: protocol all prio 1 handle 800::1 u32 match u32 0 0 \
    action mirred egress redirect dev ifb0
"""
# Nanoseconds, by the first version of cgroups and by the second.
_CPU = """cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null \\
    || awk '/^usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat"""


def docker(*arguments: str, text: str | None = None) -> str:
    """Run a docker command; return what it says. Raises RuntimeError with its complaint."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, input=text)
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)[:200]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


@dataclass(frozen=True)
class Host:
    """One container. `address` is its own in the shaped network."""

    name: str
    address: str

    def run(self, script: str, text: str | None = None) -> str:
        """Run a shell script inside; return its output."""
        return docker("exec", "--interactive", self.name, "sh", "-c", script, text=text)

    def shape(self, bytes_per_second: int) -> None:
        """Limit what leaves and what arrives, each to this rate."""
        limit = _BURST + int(bytes_per_second * _QUEUE_SECONDS)
        self.run(_SHAPE.format(bits=bytes_per_second * 8, burst=_BURST, limit=limit))

    def counters(self) -> dict[str, float]:
        """Return bytes sent and received since its start, and CPU seconds used."""
        sent, received, nanoseconds = self.run(
            f"cat /sys/class/net/eth0/statistics/tx_bytes /sys/class/net/eth0/statistics/rx_bytes; {_CPU}"
        ).split()
        return {"sent": float(sent), "received": float(received), "cpu": float(nanoseconds) / 1e9}


@contextmanager
def hosts(
    prefix: str, count: int, image: str, rate: int, options: Sequence[str] = (), command: Sequence[str] = ()
) -> Iterator[list[Host]]:
    """Start hosts on a network of their own; take everything away in the end.

    `options` are docker's, `command` comes after the image.
    """
    network = f"{prefix}-net"
    names = [f"{prefix}-{number}" for number in range(1, count + 1)]
    _clear(names, network)
    docker("network", "create", network)
    try:
        made = together([lambda name=name: _start(name, network, image, options, command) for name in names])
        together([lambda host=host: host.shape(rate) for host in made])
        yield made
    finally:
        _clear(names, network)


def together(calls: Sequence[Any]) -> list[Any]:
    """Run all at the same time; return what each returned."""
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def _start(name: str, network: str, image: str, options: Sequence[str], command: Sequence[str]) -> Host:
    docker("run", "--detach", "--name", name, "--hostname", name, "--network", network, "--cap-add", "NET_ADMIN",
           *options, image, *command)  # fmt: skip
    inspected = json.loads(docker("container", "inspect", name))[0]
    return Host(name, inspected["NetworkSettings"]["Networks"][network]["IPAddress"])


def _clear(names: Sequence[str], network: str) -> None:
    present = docker("ps", "--all", "--format", "{{.Names}}").split()
    together([lambda name=name: docker("rm", "--force", "--volumes", name) for name in names if name in present])
    if network in docker("network", "ls", "--format", "{{.Name}}").split():
        docker("network", "rm", network)
