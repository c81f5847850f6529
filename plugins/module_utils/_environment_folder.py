# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment_folder - the versions of a Python environment in its folder, and the one in force.

`versions/NAME/` is a virtual environment for each set of requirements and each Python; `bin/python` is a small script
that starts the one in force. A version counts once its record is written, which is last of all. So an upgrade that
breaks off leaves the old one in force, and the way back is the rewriting of a script. As the script starts the version
by its own path, a process that runs on keeps the modules that it began with.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

RECORD = "gpt_oss.json"
_SCRIPT = """\
#!/bin/sh
# Starts the version in force. A running process keeps the version that it began with.
exec {python} "$@"
"""


@dataclass(frozen=True)
class Version:
    """A whole version: its folder and its record, see `record_of`."""

    folder: Path
    record: dict[str, Any]

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.folder / "bin" / "python"


class Folder:
    """The folder of one environment."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()

    @property
    def script(self) -> Path:
        """Return the command that starts the version in force."""
        return self.path / "bin" / "python"

    def place(self, name: str) -> Path:
        """Return where a version of this name lies."""
        return self.path / "versions" / name

    def in_force(self) -> Optional[Version]:
        """Return the version in force; None when there is none, or when its Python is gone."""
        match = re.search(r'^exec (?P<python>.+) "\$@"$', _text(self.script), re.MULTILINE)
        return self.version(Path(shlex.split(match["python"])[0]).parents[1].name) if match else None

    def version(self, name: str) -> Optional[Version]:
        """Return a version; None unless it is whole and its Python, which belongs to the system, is still there."""
        folder = self.place(name)
        try:
            record = _json_text.loads(_text(folder / RECORD))
        except ValueError:
            return None
        version = Version(folder, record)
        return version if isinstance(record, dict) and os.access(version.python, os.X_OK) else None

    def versions(self) -> list[Version]:
        """Return all whole versions."""
        names = [folder.name for folder in sorted((self.path / "versions").glob("*"))]
        return [version for version in map(self.version, names) if version]

    def free_name(self, wish: str) -> str:
        """Return a name for a new version, like the wished one: nothing is made over what a process may use."""
        names = itertools.chain([wish], (f"{wish}-{number}" for number in itertools.count(2)))
        return next(name for name in names if not self.place(name).exists())

    def complete(self, name: str, record: dict[str, Any]) -> Version:
        """Say that a version is whole. All that belongs to it is on the disk by then."""
        os.sync()
        folder = self.place(name)
        _write(folder / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n", 0o644)
        return Version(folder, record)

    def enforce(self, version: Version) -> None:
        """Put a version in force. Who starts the environment meanwhile gets the old one or the new one."""
        self.script.parent.mkdir(parents=True, exist_ok=True)
        text = _SCRIPT.format(python=shlex.quote(str(version.python)))
        for name in ("python3", "python"):
            _write(self.script.with_name(name), text, 0o755)

    def clean(self, keep: Collection[Path]) -> list[str]:
        """Remove the versions that nobody uses, beside those to keep; return their names."""
        removed = []
        for folder in sorted((self.path / "versions").glob("*")):
            if folder not in keep and not in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
        return removed


def in_use(folder: Path, processes: Path = Path("/proc")) -> bool:
    """Tell whether a process was started from a version's Python. What cannot be read is not ours."""
    start = f"{folder}/bin/".encode()
    for command_line in processes.glob("[0-9]*/cmdline"):
        try:
            if command_line.read_bytes().startswith(start):
                return True
        except OSError:
            continue
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _write(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
