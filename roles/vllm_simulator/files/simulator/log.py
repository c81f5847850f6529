# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: log, lines in vLLM's format: `(APIServer pid=1) INFO 11-22 15:33:58 [api_utils.py:286] text`."""

from __future__ import annotations

import sys
import time


def write(text: str) -> None:
    """Write bare lines. All goes to one stream, so that a container's log keeps the order."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(process: str, pid: int, source: str, text: str, level: str = "INFO") -> None:
    """Write one log line of a process; each line of a text gets the prefix."""
    stamp = time.strftime("%m-%d %H:%M:%S")
    prefix = f"({process} pid={pid}) {level} {stamp} [{source}] "
    write("\n".join(prefix + part for part in text.split("\n")))


def access(client: str, method: str, path: str, status: int, phrase: str) -> None:
    """Write one line of the access log, as uvicorn does."""
    write(f'INFO:     {client} - "{method} {path} HTTP/1.1" {status} {phrase}')
