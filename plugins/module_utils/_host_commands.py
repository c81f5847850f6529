# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host commands, runs commands of the host where there is no module to do it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import TIMED_OUT, UNUSABLE, Answer

# Where commands such as dmesg lie that the path of an ordinary user leaves out.
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


class HostCommands:
    """Runs commands where there is no module, as in a process that outlives it, in the C locale and not for ever."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds

    def has(self, name: str) -> bool:
        """Tell whether the host has a command."""
        return _find(name) is not None

    def run(self, *command: str) -> Optional[Answer]:
        """Run a command by its name and arguments; None when the host does not have it."""
        path = _find(command[0])
        if path is None:
            return None
        # Slow to load, and seldom needed.
        import asyncio

        try:
            return asyncio.run(_answer(path, command[1:], self._seconds))
        except OSError as exc:
            return Answer(UNUSABLE, "", str(exc))


def _find(name: str) -> Optional[str]:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS]))


async def _answer(path: str, arguments: Sequence[str], seconds: float) -> Answer:
    import asyncio
    from asyncio.subprocess import DEVNULL, PIPE

    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}
    process = await asyncio.create_subprocess_exec(
        path, *arguments, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        output, error = await asyncio.wait_for(process.communicate(), seconds)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        return Answer(TIMED_OUT, "", f"no answer within {seconds:g} seconds")
    return Answer(process.returncode or 0, output.decode(errors="replace"), error.decode(errors="replace"))
