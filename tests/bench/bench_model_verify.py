"""What hf_model costs: verification against sha256sum on the same files, a run with nothing to do, a download's watch.

    .venv/bin/python tests/bench/bench_model_verify.py [--size 10G] [--runs 3] [--folder /tmp]

Verification is `state: verified` of a model of 15 files, the whole run of the module with the start of Python, against
`xargs -P $(nproc) sha256sum` over the same files, in alternating runs: once with the files in the page cache, once with
them put out of it before each run (posix_fadvise DONTNEED). Beside it openssl, whose SHA-256 uses what newer processors
have for that, where coreutils' does not; and bare reading (`xargs -P cat`), which is what the disk gives.

Prints one line a measurement and ends with exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lookalike_hub import HubProcess  # noqa: E402  (the path comes first)
from lookalike_hub.__main__ import size as bytes_of  # noqa: E402

REPO = "openai/gpt-oss-120b"
COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
N_FILES = 15
# As Ansible runs it: nothing but the module is imported.
RUN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model
with patch_module_args(json.load(sys.stdin)):
    hf_model.main()
"""
RATIO_LIMIT = 0.8
NOTHING_LIMIT = 1.0
WATCH_LIMIT = 0.01
BLOCK = 1 << 20
WATCH_SECONDS = 20.0


def make(folder: Path, size: int) -> None:
    """Write a model of so many files and bytes."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    block = random.Random(0).randbytes(BLOCK)
    for number in range(1, N_FILES):
        with (folder / f"model-{number:05}-of-{N_FILES - 1:05}.safetensors").open("wb") as file:
            for part in range(size // (N_FILES - 1) // BLOCK):
                file.write(b"%08d%08d" % (number, part) + block[16:])


def run(cache: Path, **options: Any) -> dict[str, Any]:
    """Run the module in a process of its own; return its result."""
    arguments = {"repo_id": REPO, "cache_dir": str(cache), **options}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".ansible/collections")}
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(
        command, input=json.dumps(arguments), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return dict(json.loads(done.stdout))


def module(cache: Path, **options: Any) -> float:
    """Return the seconds that a run of the module takes."""
    began = time.monotonic()
    result = run(cache, revision=COMMIT, **options)
    seconds = time.monotonic() - began
    if not result["verified"]:
        raise SystemExit(f"{options}: {result}")
    return seconds


def parallel(files: list[Path], *command: str) -> float:
    """Return the seconds that a command takes over all files, so many at a time as there are cores."""
    names = "\0".join(map(str, files)).encode()
    xargs = ["xargs", "--null", "-P", str(len(os.sched_getaffinity(0))), "-n", "1", *command]
    began = time.monotonic()
    subprocess.run(xargs, input=names, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def leave(files: list[Path]) -> None:
    """Put files out of the page cache."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def best(ways: dict[str, Callable[[], float]], runs: int, before: Callable[[], object]) -> dict[str, float]:
    """Return the best time of each way, in alternating runs: what else the machine does only ever costs time."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _run in range(runs):
        for name, way in ways.items():
            before()
            found[name].append(way())
    return {name: min(times) for name, times in found.items()}


def verification(folder: Path, size: int, runs: int) -> list[tuple[str, float, float, str]]:
    """Return the rows on verification."""
    source, cache = folder / "model", folder / "hub"
    make(source, size)
    module(cache, source=str(source), hard_links=True)
    files = sorted(path.resolve() for path in source.iterdir())
    ways = {
        "hf_model": lambda: module(cache, state="verified", offline=True),
        "sha256sum": lambda: parallel(files, "sha256sum"),
        "openssl": lambda: parallel(files, "openssl", "dgst", "-sha256"),
        "cat": lambda: parallel(files, "cat"),
    }
    total = sum(path.stat().st_size for path in files)
    rows = []
    for state, before in (("warm", lambda: None), ("cold", lambda: leave(files))):
        parallel(files, "cat")
        times = best(ways, runs, before)
        for name, seconds in times.items():
            rows.append((f"{state}: {name}", total / seconds / 1e6, 0.0, "MB/s"))
        rows.append((f"{state}: hf_model / sha256sum", times["sha256sum"] / times["hf_model"], RATIO_LIMIT, "x"))
        rows.append((f"{state}: hf_model / openssl", times["openssl"] / times["hf_model"], 0.0, "x"))
    return rows


def nothing_to_do(folder: Path, runs: int) -> list[tuple[str, float, float, str]]:
    """Return the rows on a run that finds all in place."""
    cache, runs = folder / "hub", max(5, runs)
    before = os.times()
    seconds = [module(cache, endpoint="http://127.0.0.1:9") for _run in range(runs)]
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import ansible.module_utils.basic"], check=True)
    start = time.monotonic() - began
    return [
        ("nothing to do: best", min(seconds), -NOTHING_LIMIT, "s"),
        ("  CPU of it", cpu / runs, 0.0, "s"),
        ("  of that the start of Python and Ansible", start, 0.0, "s"),
    ]


def cpu_seconds(pid: int) -> float:
    """Return what a process, without its children, has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def download(folder: Path, size: int) -> list[tuple[str, float, float, str]]:
    """Return the rows on a download: what its watch takes on a slow line, and how fast it is on a quick one."""
    with HubProcess("--generated", f"{REPO}={N_FILES - 1}x{size // (N_FILES - 1)}") as hub:
        commit = next(iter(hub.state["repositories"][0]["commits"]))
        options = {"endpoint": hub.endpoint, "revision": commit}
        hub.set(rate=size / (WATCH_SECONDS + 20))
        job = Path(run(folder / "slow", background=True, **options)["status_path"])
        time.sleep(5)
        pid = int(json.loads(job.read_text())["pid"])
        before, began = cpu_seconds(pid), time.monotonic()
        time.sleep(WATCH_SECONDS)
        share = (cpu_seconds(pid) - before) / (time.monotonic() - began)
        os.kill(pid, 9)
        hub.set(rate=None)
        began = time.monotonic()
        result = run(folder / "quick", **options)
        seconds = time.monotonic() - began
    return [
        ("a download's watch, share of a core", share, -WATCH_LIMIT, ""),
        ("download, verified and on the disk", result["bytes"] / seconds / 1e6, 0.0, "MB/s"),
    ]


def main() -> int:
    """Measure, print, judge. A limit above 0 is the least, one below it the most; 0 is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=bytes_of, default=10 << 30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where to write the files (a temporary folder)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-model-", dir=options.folder))
    missed = False
    try:
        for part in (
            lambda: verification(folder, options.size, options.runs),
            lambda: nothing_to_do(folder, options.runs),
            lambda: download(folder, min(options.size, 1 << 30)),
        ):
            for label, value, limit, unit in part():
                good = value >= limit if limit >= 0 else value <= -limit
                missed = missed or not good
                judged = f"limit {abs(limit):g}  {'ok' if good else 'MISSED'}" if limit else ""
                print(f"{label:44} {value:9.3f} {unit:4}  {judged}", flush=True)
    finally:
        shutil.rmtree(folder)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
