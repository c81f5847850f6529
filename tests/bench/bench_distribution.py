"""A model's way from one host to seven others: ours, aria2, a tree of rsyncs, a pull-through mirror.

    .venv/bin/python tests/bench/bench_distribution.py [--megabytes N] [--rate N] [--hosts N] [--ways NAME ...]

Eight containers, each with a link of the same rate, out and in. All ways run one after the other, on fresh hosts, with
a content of the shape of a model: twelve equal shards, a vocabulary, small files. Told of each: the time until the last
of the others has all of it, as a multiple of the time in which one host gets a copy over the same link; how much of it
left the host that had it; CPU seconds of all hosts. Ends with exit code 1 when ours misses its limits.

Needs a Docker Engine. The image of the hosts is made by tests/bench/models/image.sh.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent / "models"))

from shaped_hosts import Host, hosts, together  # noqa: E402
from ways import HERE, WAYS  # noqa: E402

IMAGE = "gpt-oss-fleet/bench-models:debian12"
SHARDS = 12
# Multiples of one copy: of its time, and of the content that leaves the first holder.
LIMITS = {"time": 1.5, "sent": 1.7}
OPTIONS = [
    "--init",
    "--entrypoint=sleep",
    f"--volume={HERE}:/bench:ro",
    f"--volume={ROOT}:/collections/ansible_collections/gpt_oss/fleet:ro",
]
_WAIT = 'timeout {seconds} sh -c "until [ -e /data/done ]; do sleep 0.05; done"; cat /data/done'
_SUM = "cd {folder} && cat $(ls) | sha256sum"


@dataclass(frozen=True)
class Outcome:
    """What one way took: seconds to the last and the first host, bytes that left the holder, CPU seconds of all."""

    way: str
    last: float
    first: float
    sent: float
    cpu: float
    cpu_holder: float


def sizes(megabytes: int) -> dict[str, int]:
    """Return the files of a content of about so many megabytes, in bytes."""
    small = {"tokenizer.json": min(27_000_000, megabytes * 70_000), "config.json": 1_800, "model.index.json": 36_000}
    shard = (megabytes * 1_000_000 - sum(small.values())) // SHARDS
    return {**{f"model-{number:05}.safetensors": shard for number in range(SHARDS)}, **small}


def measure(way: str, arguments: argparse.Namespace) -> Outcome:
    """Let the content travel in one way."""
    content = sizes(arguments.megabytes)
    seconds = 20 * sum(content.values()) // (arguments.rate * 1_000_000) + 60
    with hosts("gpt-oss-bench", arguments.hosts, IMAGE, arguments.rate * 1_000_000, OPTIONS, ["infinity"]) as made:
        make = " ".join(f"head -c {size} /dev/urandom > {name};" for name, size in content.items())
        made[0].run(f"mkdir -p /data/content; cd /data/content; {make}")
        receivers, start = WAYS[way](made)
        before, began = [host.counters() for host in made], time.time()
        start()
        ends = together([lambda host=host: float(host.run(_WAIT.format(seconds=seconds))) for host in receivers])
        after = [host.counters() for host in made]
        _compare(made[0], receivers)
        cpu = [now["cpu"] - then["cpu"] for then, now in zip(before, after, strict=True)]
        sent = (after[0]["sent"] - before[0]["sent"]) / sum(content.values())
        return Outcome(way, max(ends) - began, min(ends) - began, sent, sum(cpu), cpu[0])


def _compare(holder: Host, receivers: list[Host]) -> None:
    wanted = holder.run(_SUM.format(folder="/data/content"))
    where = "$(for place in /data/got/content /data/got /data/content; do [ -d $place ] && echo $place && break; done)"
    found = together([lambda host=host: host.run(_SUM.format(folder=where)) for host in receivers])
    if any(one != wanted for one in found):
        raise SystemExit("A host has something else than the first one.")


def main() -> None:
    """Measure each way, and print a line on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rate", type=int, default=5, help="of each link, in megabytes a second")
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    subprocess.run([str(HERE / "image.sh")], check=True)
    ways = list(dict.fromkeys(["copy", *arguments.ways]))
    outcomes: dict[str, Outcome] = {}
    titles = ("way", "last host", "first host", "left the holder", "CPU s", "of the holder")
    print("{:<12} {:>10} {:>10} {:>16} {:>7} {:>14}".format(*titles))
    for way in ways:
        outcomes[way] = one = measure(way, arguments)
        base = outcomes["copy"].last
        print(
            f"{way:<12} {one.last / base:>9.2f}x {one.first / base:>9.2f}x {one.sent:>15.2f}x {one.cpu:>7.1f} "
            f"{one.cpu_holder:>14.1f}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in outcomes.values()], indent=1) + "\n")
    ours = outcomes.get("libtorrent")
    if ours and (ours.last / outcomes["copy"].last > LIMITS["time"] or ours.sent > LIMITS["sent"]):
        raise SystemExit(f"libtorrent missed its limits, multiples of a copy: {LIMITS}")


if __name__ == "__main__":
    main()
