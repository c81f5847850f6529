"""A fleet gets a model: it leaves the Hub once, whatever the number of hosts, and soon all have it.

    .venv/bin/python tests/bench/bench_models.py [--megabytes N] [--hub-rate N] [--rate N] [--hosts N]

The real role on eight hosts in containers with shaped links, against a look-alike of the Hub with a rate of its own. In
one run: one host alone downloads the model; one host gets a copy from another over the same link; the fleet brings it.
Ends with exit code 1 when the Hub served a byte twice, or all took more than 1.5 downloads and one copy.

Needs a Docker Engine. Times are those of ansible-playbook, its start included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "models"))

from fleet import MODEL, Fleet, HubProcess, Run, fleet, hub  # noqa: E402
from shaped_hosts import Host  # noqa: E402

PREFIX = "gpt-oss-fleet-bench"
FILES = 15
LIMIT = 1.5
MEGA = 1_000_000
_SERVE = "cd {folder} && nohup python3 -m http.server 8080 > /dev/null 2>&1 & echo $! > /tmp/server"
_GET = "mkdir -p /data/copy && cd /data/copy && printf '%s\\n' {names} | xargs -P 4 -I@ curl -sSf -o @ http://{address}:8080/@"


def copy_seconds(source: Host, target: Host, folder: str) -> float:
    """Return how long one host takes to copy what another has in a folder, over their links."""
    source.run(_SERVE.format(folder=folder))
    names = " ".join(source.run(f"ls {folder}").split())
    time.sleep(1)
    began = time.monotonic()
    target.run(_GET.format(names=names, address=source.address))
    seconds = time.monotonic() - began
    source.run("kill $(cat /tmp/server)")
    target.run("rm -r /data/copy")
    return seconds


def bring(made: Fleet, origin: HubProcess, cache: str, members: list[Host] | None = None) -> Run:
    """Have the model on some hosts."""
    models = [{"repo_id": MODEL, "endpoint": origin.endpoint}]
    done = made.run(members, hf_cache_models=models, hf_cache_path=cache)
    if done.rc != 0 or "WARNING" in done.output:
        raise SystemExit(done.output[-6000:])
    return done


def main() -> None:
    """Measure, and print a line on each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--hub-rate", type=int, default=3, help="of the Hub, in megabytes a second")
    parser.add_argument("--rate", type=int, default=6, help="of each link, in megabytes a second")
    parser.add_argument("--hosts", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Do all parts. Raises SystemExit when a limit is missed."""
    bytes_of_model = arguments.megabytes * MEGA // FILES * FILES
    with (
        fleet(PREFIX, arguments.hosts, arguments.rate * MEGA, folder) as made,
        hub(PREFIX, FILES, arguments.megabytes, arguments.hub_rate * MEGA) as origin,
    ):
        alone = bring(made, origin, "/data/alone", made.hosts[:1]).seconds
        tell("one host downloads it", f"{alone:.1f} s")
        copy = copy_seconds(made.hosts[0], made.hosts[1], "/data/alone/hub/models--bench--model/blobs")
        tell("one copy from host to host", f"{copy / alone:.2f} x that")
        made.hosts[0].run("rm -r /data/alone")
        origin.clear_books()
        all_of_them = bring(made, origin, "/data/models").seconds
        tell(f"all {arguments.hosts} have it", f"{all_of_them / alone:.2f} x that")
        books = origin.books()
        again = bring(made, origin, "/data/models")
        tell("they look again", f"{again.seconds / alone:.2f} x that, {sum(again.changed.values())} changes")
        contents, left = made.sums("/data/models"), made.left("/data/models")
    served = sum(size for name, size in books["content"].items() if name.endswith(".safetensors"))
    tell("the Hub served", f"{served / bytes_of_model:.3f} x the model, {sum(books['repeated'].values())} bytes twice")
    share = all_of_them / (LIMIT * alone + copy)
    tell(f"of what it may take ({LIMIT} downloads and one copy)", f"{share:.2f}")
    if books["repeated"] or served != bytes_of_model or len(contents) != 1 or left or any(again.changed.values()):
        raise SystemExit(f"Wanted: each byte served once, one content, nothing left. Found: {contents} {left}")
    if share > 1:
        raise SystemExit("It took too long.")


def tell(what: str, found: str) -> None:
    """Print one line."""
    print(f"{what:<55} {found}", flush=True)


if __name__ == "__main__":
    main()
