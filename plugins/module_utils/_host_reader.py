# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host reader, the files and commands of a host, so that what reads them can be tested on any machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Tuple

# Argument vector → exit code, standard output, standard error. A command that is not there gives 127.
Run = Callable[[Sequence[str]], Tuple[int, str, str]]


@dataclass(frozen=True)
class Reader:
    """What can be looked at: the files below `root`, and commands."""

    run: Run
    root: str = "/"

    def path(self, name: str) -> Path:
        """Return where an absolute path of the host lies."""
        return Path(self.root) / name.lstrip("/")

    def text(self, name: str, limit: int = 1 << 20) -> Optional[str]:
        """Return a file's text; None when it is no file, cannot be read or is longer than `limit` bytes."""
        try:
            with self.path(name).open("rb") as stream:
                content = stream.read(limit + 1)
        except OSError:
            return None
        return None if len(content) > limit else content.decode("utf-8", "replace")

    def lines_with(self, name: str, wanted: str) -> list[str]:
        """Return those lines of a file that hold a text, however long the file is; none when it cannot be read."""
        try:
            with self.path(name).open(encoding="utf-8", errors="replace") as stream:
                return [line for line in stream if wanted in line]
        except OSError:
            return []

    def exists(self, name: str) -> bool:
        """Tell whether there is such a file or folder that this user can see."""
        try:
            return self.path(name).exists()
        except OSError:
            return False

    def names(self, folder: str, pattern: str = "*") -> list[str]:
        """Return the absolute paths in a folder that match a pattern, in order."""
        try:
            return sorted(f"{folder.rstrip('/')}/{path.name}" for path in self.path(folder).glob(pattern))
        except OSError:
            return []

    def output(self, *argv: str) -> Optional[str]:
        """Return what a command wrote; None when it is not there or failed."""
        code, output, _error = self.run(argv)
        return output if code == 0 else None
