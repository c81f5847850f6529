"""Download the wheels of the managed environment for the test hosts, which can reach no package index.

usage: python tests/tools/host_wheels.py FOLDER

The hosts run Debian 12's CPython 3.11 and Debian 13's 3.13, whatever Python runs here.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _wheel_folder  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Target, read_lock  # noqa: E402

LOCKS = [ROOT / "roles/hf_cache/files" / name for name in ("requirements.txt", "requirements-optional.txt")]
TARGETS = [Target(python, platform.machine()) for python in ("3.11", "3.13")]


def run(command: list[str]) -> tuple[int, str, str]:
    """Run a command; return its status, output and errors."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def main() -> None:
    """Bring what is missing, and remove what no host wants."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lock = [pinned for path in LOCKS for pinned in read_lock(path.read_text())]
    for old in _wheel_folder.unwanted(lock, TARGETS, folder):
        old.unlink()
    brought = 0
    for target in TARGETS:
        if pins := _wheel_folder.lacking(lock, target, folder):
            _wheel_folder.download(sys.executable, pins, target, folder, "", run)
            brought += len(pins)
    print(f"Downloaded {brought} wheels to {folder}" if brought else f"{folder} is up to date")


if __name__ == "__main__":
    main()
