"""Small disks of a test's own, that can be full, or mounted for reading only."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


def _run(*command: str) -> None:
    """Run mount or umount, as root or by sudo. Without that right these tests fail: skipped, they prove nothing."""
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*rights, *command], check=True, capture_output=True, text=True)


class Disk:
    """A disk of so many KiB, mounted at a folder."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size}k,mode=0777", "none", str(path))

    def resize(self, size: int) -> None:
        """Give it so many KiB."""
        _run("mount", "-o", f"remount,size={size}k", str(self.path))

    def read_only(self) -> None:
        """Mount it for reading only."""
        _run("mount", "-o", "remount,ro", str(self.path))

    def writable(self) -> None:
        """Mount it for writing again."""
        _run("mount", "-o", "remount,rw", str(self.path))

    def fill(self, leave: int = 0) -> None:
        """Fill it, but for so many KiB."""
        with contextlib.suppress(OSError), (self.path / "filler").open("wb", buffering=0) as file:
            while file.write(b"x" * 4096) == 4096:
                pass
        size = (self.path / "filler").stat().st_size
        os.truncate(self.path / "filler", size - leave * 1024)

    def free(self) -> None:
        """Take away what fills it."""
        (self.path / "filler").unlink()

    def close(self) -> None:
        """Unmount it, whoever still uses it."""
        _run("umount", "--lazy", str(self.path))


@contextlib.contextmanager
def disk(path: Path, size: int) -> Iterator[Disk]:
    """Mount a disk of so many KiB, for the length of a test."""
    made = Disk(path, size)
    try:
        yield made
    finally:
        made.close()
