"""How long a model takes from the controller to a host over ssh: staged_files against Ansible's own ways.

usage: python tests/bench/bench_stage.py [MB] [ROUNDS]

The host is a container, reached by real ssh through `docker exec`. staged_files compares each file's sha256 on both
sides, and goes on where it was cut off; copy compares a sha1 and needs the room twice, in the login's home folder
first; unarchive compares nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ansible/collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _sums  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests  # noqa: E402

IMAGE, NAME = "gpt-oss-fleet/bare:debian12", f"bench-stage-{os.getpid()}"
SSHD = "/usr/sbin/sshd -i -o UsePAM=no -o PermitRootLogin=yes -o PermitEmptyPasswords=yes"
SSH = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
SSH += f' -o ProxyCommand="docker exec -i {NAME} {SSHD}"'
WAYS = {
    "staged_files, folder": (
        "gpt_oss.fleet.staged_files",
        {"src": "{folder}", "prefix": "model", "dest": "/srv/model"},
    ),
    "staged_files, tar": ("gpt_oss.fleet.staged_files", {"src": "{tar}", "prefix": "model", "dest": "/srv/model"}),
    "copy": ("ansible.builtin.copy", {"src": "{folder}/model/", "dest": "/srv/model/"}),
    "unarchive": ("ansible.builtin.unarchive", {"src": "{tar}", "dest": "/srv"}),
}


def docker(*arguments: str) -> None:
    """Run docker."""
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)


def make(folder: Path, megabytes: int) -> Path:
    """Make a model of two files with its checksums, and an archive of it, whose path is returned."""
    (folder / "model").mkdir(parents=True)
    for name in ("a.bin", "b.bin"):
        (folder / "model" / name).write_bytes(os.urandom(megabytes * 500_000))
    names = ["model/a.bin", "model/b.bin"]
    (folder / _sums.NAME).write_text(_sums.render({name: digests(folder / name).sha256 for name in names}))
    archive = folder.with_suffix(".tar")
    subprocess.run(["tar", "-cf", archive, "-C", folder, _sums.NAME, "model"], check=True)
    return archive


def seconds(module: str, arguments: dict[str, str]) -> float:
    """Return how long one way takes, with an empty folder before it."""
    docker("exec", NAME, "sh", "-c", "rm -rf /srv/model && mkdir -p /srv/model")
    variables = {
        "ansible_ssh_common_args": SSH,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    command = [str(Path(sys.executable).parent / "ansible"), "host", "-i", "host,", "-m", module]
    start = time.monotonic()
    subprocess.run(
        [*command, "-e", json.dumps(variables), "-a", json.dumps(arguments)], check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - start


def main() -> None:
    """Measure all ways in turn, and tell the medians."""
    megabytes, rounds = (int(argument) for argument in (sys.argv[1:] + ["600", "3"][len(sys.argv) - 1 :]))
    docker(
        "run",
        "--detach",
        f"--name={NAME}",
        "--network=none",
        "--entrypoint=sh",
        IMAGE,
        "-c",
        "mkdir -p /run/sshd; exec sleep 3600",
    )
    try:
        with tempfile.TemporaryDirectory() as root:
            archive = make(Path(root) / "bundle", megabytes)
            places = {"folder": str(archive.with_suffix("")), "tar": str(archive)}
            taken: dict[str, list[float]] = {way: [] for way in WAYS}
            for _round in range(rounds):
                for way, (module, arguments) in WAYS.items():
                    taken[way].append(
                        seconds(module, {key: value.format(**places) for key, value in arguments.items()})
                    )
    finally:
        docker("rm", "--force", NAME)
    first = statistics.median(taken["staged_files, folder"])
    for way, times in taken.items():
        median = statistics.median(times)
        print(f"{way:22} {median:6.1f} s  {megabytes / median:6.0f} MB/s  {median / first:.2f} times staged_files")


if __name__ == "__main__":
    main()
