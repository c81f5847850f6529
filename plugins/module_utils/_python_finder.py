# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: python_finder - a Python of the host that a virtual environment can be made from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Optional

Run = Callable[[list[str]], tuple[int, str, str]]

OLDEST = (3, 10)  # huggingface_hub 2 wants it.
NEWEST = (3, 14)  # The newest that the requirements are locked for; a newer one is taken when there is no other.
CANDIDATES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10")

_LOOK = """
import importlib.util, json, sys
def has(name):
    return importlib.util.find_spec(name) is not None
print(json.dumps([list(sys.version_info[:3]), has("venv"), has("ensurepip")]))
"""


@dataclass(frozen=True)
class Python:
    """A Python of the host: its command, its version, and whether it brings venv and pip along."""

    command: str
    version: tuple[int, ...]
    venv: bool
    pip: bool

    @property
    def text(self) -> str:
        """Return the version as 3.12.3."""
        return ".".join(map(str, self.version))

    @property
    def tag(self) -> str:
        """Return the version as wheels name it, cp312."""
        return f"cp{self.version[0]}{self.version[1]}"


def look(command: str, run: Run) -> Optional[Python]:
    """Return what a command is; None when it is not there, or is no Python that runs."""
    path = shutil.which(command)
    if not path:
        return None
    code, output, _errors = run([path, "-I", "-c", _LOOK])
    try:
        version, venv, pip = json.loads(output)
    except ValueError:
        return None
    return Python(path, tuple(version), venv, pip) if code == 0 else None


def find(wanted: str, pip_wheel: bool, run: Run) -> tuple[Optional[Python], list[Python]]:
    """Return the Python to take, None when none will do, and all that were looked at.

    `wanted` names one and leaves no other choice. Without ensurepip, as on Debian without python3-venv, a Python will
    do when pip can be had as a wheel.
    """
    seen: list[Python] = []
    for command in [wanted] if wanted else CANDIDATES:
        python = look(command, run)
        if python:
            seen.append(python)
            if _tested(python) and usable(python, pip_wheel):
                return python, seen
    return next((python for python in seen if usable(python, pip_wheel)), None), seen


def usable(python: Python, pip_wheel: bool) -> bool:
    """Tell whether a virtual environment with pip can be made from it."""
    return python.version >= OLDEST and python.venv and (python.pip or pip_wheel)


def _tested(python: Python) -> bool:
    return python.version[:2] <= NEWEST


def lacking(wanted: str, seen: Iterable[Python]) -> str:
    """Return what was wanted, what was found and what to do, where no Python will do."""
    recent = [python for python in seen if python.version >= OLDEST]
    if recent:
        found = recent[0]
        return (
            f"wanted a Python that can make a virtual environment; found {found.command} {found.text} without venv or "
            "ensurepip; install python3-venv (Debian, Ubuntu), let hf_cache_python_install do so, or name another with "
            "hf_cache_python_command"
        )
    named = ", ".join(f"{python.command} {python.text}" for python in seen) or "none that runs"
    return (
        f"wanted {wanted or 'a Python'} of 3.10 or newer; found {named}; install one (RHEL 9: dnf install python3.12), "
        "let hf_cache_python_install do so, or name one with hf_cache_python_command"
    )
