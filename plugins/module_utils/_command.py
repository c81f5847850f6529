# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: command, runs commands of the host that may be missing or may hang."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional, Protocol

TIMEOUT = 60
TIMED_OUT = 124  # The exit status of timeout(1).
UNUSABLE = 126  # The exit status by which a shell says that a command could not be executed.


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    output: str
    error: str = ""


class Commands(Protocol):
    """The commands of a host."""

    def has(self, name: str) -> bool:
        """Tell whether the host has a command."""

    def run(self, *command: str) -> Optional[Answer]:
        """Run a command by its name and arguments; None when the host does not have it."""


class ModuleCommands:
    """Runs commands through a module, in the C locale, and ends those that hang, as some do on a broken GPU."""

    def __init__(self, module: Any) -> None:
        self._module = module
        timeout = module.get_bin_path("timeout")
        self._limit = [timeout, "--kill-after=5", str(TIMEOUT)] if timeout else []

    def has(self, name: str) -> bool:
        """Tell whether the host has a command."""
        return self._module.get_bin_path(name) is not None

    def run(self, *command: str) -> Optional[Answer]:
        """Run a command by its name and arguments; None when the host does not have it."""
        path = self._module.get_bin_path(command[0])
        if path is None:
            return None
        try:
            code, output, error = self._module.run_command(
                [*self._limit, path, *command[1:]],
                environ_update={"LC_ALL": "C", "LANGUAGE": "C"},
                handle_exceptions=False,
                errors="replace",
            )
        except (OSError, UnicodeEncodeError) as exc:
            return Answer(UNUSABLE, "", str(exc))
        return Answer(code, output, error)


def in_english(module: Any) -> Callable[[list[str]], tuple[int, str, str]]:
    """Return what runs a command through a module, for as long as it takes: status, output, errors in English."""

    def run(command: list[str]) -> tuple[int, str, str]:
        try:
            code, output, errors = module.run_command(command, environ_update={"LC_ALL": "C", "LANGUAGE": "C"})
        except UnicodeEncodeError as exc:
            return UNUSABLE, "", f"no command takes {ascii(exc.object)}, which holds half a character; correct it"
        return int(code), output, errors

    return run
