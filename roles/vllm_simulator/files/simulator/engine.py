# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine, the child process that stands for vLLM's EngineCore: kill it, and the server must notice."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

# A shell that names itself and waits for the end of its input: it costs no memory and dies with its parent.
_SCRIPT = "printf VLLM::EngineCore > /proc/$$/comm 2>/dev/null; read -r line"


class Engine:
    """A real child process. Its command line and its name (as ps and top show them) are vLLM's."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["VLLM::EngineCore", "-c", _SCRIPT],
            executable="/bin/sh",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=False,
        )

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Say whether the child still runs (and reap it if not)."""
        return self._process.poll() is None

    def stopped(self) -> bool:
        """Say whether the child is stopped by a signal or a debugger, and so does nothing."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[:1] in (["T"], ["t"])

    def freeze(self) -> None:
        """Stop the child, as an engine stops that waits for a GPU for ever. SIGCONT lets it go on."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """Kill the child as the kernel's out-of-memory killer would."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the child and wait for it."""
        self.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
