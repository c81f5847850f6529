"""Runs each fuzzer of tests/fuzz for so many seconds, two at a time, and tells what each of them found.

usage: tests/tools/fuzz.py [SECONDS] [NAME ...]     NAME such as journals; without any, all of them
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "fuzz"
TOLD = re.compile(r"^fuzzed test_.*", re.MULTILINE)


def run(seconds: str, file: Path) -> bool:
    """Run one fuzzer, show its last line, and return whether it found nothing."""
    log = LOGS / f"{file.stem}.log"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", str(file)]
    with log.open("wb") as output:
        found = subprocess.run(
            command,
            cwd=ROOT,
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "FUZZ_SECONDS": seconds},
        )
    told = TOLD.findall(log.read_text(errors="replace"))
    print("\n".join(told) or f"{file.stem}: did not run", f"({log.relative_to(ROOT)})", flush=True)
    return found.returncode == 0


def main() -> int:
    seconds, names = (sys.argv[1:2] or ["600"])[0], sys.argv[2:]
    files = sorted((ROOT / "tests" / "fuzz").glob("test_*.py"))
    chosen = [file for file in files if not names or file.stem.removeprefix("test_") in names]
    LOGS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        clean = list(pool.map(lambda file: run(seconds, file), chosen))
    return 0 if chosen and all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
