# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: log lines - what a log holds that can be the cause of an end, process by process.

vLLM starts its lines with process, level and place: `(Worker_TP3 pid=40) ERROR 11-22 15:28:53 [core.py:9] `. Libraries,
and Python where an exception ends it, write without all that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(
    r"^(?:\((?P<name>\w[\w .-]*?)(?: rank=\d+)? pid=(?P<pid>\d+)\) )?(?:\[rank\d+\]: )?"
    r"(?:(?P<level>[A-Z]{4,8}) \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?"
)
# What does not matter: levels below ERROR, uvicorn's lines, and the warnings of PyTorch and of Python.
_QUIET = ("DEBUG", "INFO", "WARNING")
_NOISE = re.compile(r"^(?:(?:DEBUG|INFO|WARNING):? |\[?[IW]\d{4} |\S+:\d+: \w*Warning: )")
# The lines of a traceback that show files and code. Code can look like the message of an error.
_CODE = re.compile(r'^(?: +File "| {4,})')
# What a process says in order to end proves nothing; all else that it says at leisure proves that it went on.
_ENDING = re.compile(r"shutdown|shutting down", re.IGNORECASE)
# Names of tensor, pipeline, data and expert parallel workers end so.
_RANK = re.compile(r"\w+_(?:TP|PP|DP|EP)\d+$")
# The logger of a process without a name, and what is written past all loggers.
_LOGGER, _RAW = "logger", "raw"


@dataclass(frozen=True)
class Line:
    """One line: its number, the process that wrote it, its text without prefix, and whether its process went on.

    `rank` is the process's name where there are several of its kind, such as Worker_TP3.
    """

    number: int
    process: str
    rank: str
    text: str
    survived: bool = False


def telling(lines: Sequence[str]) -> list[Line]:
    """Return the lines that can be the cause of the end, in order.

    A line is survived when the process that wrote it went on with its work, as its logger's later lines show. Of
    what was written past the logger, such as Python's own traceback, nobody knows: it comes by another stream, and
    the engine may have the end of the one before the beginning of the other.
    """
    kept: list[Line] = []
    alive: dict[str, int] = {}
    for number, line in enumerate(lines):
        bare = _COLOUR.sub("", line).rstrip()
        match = _PREFIX.match(bare)
        level = match["level"] if match else None
        text = bare[match.end() :] if match else bare
        process = (match["pid"] if match else None) or (_LOGGER if level else _RAW)
        if level == "INFO" and not _ENDING.search(text):
            alive[process] = number
        if level not in _QUIET and not _NOISE.match(text) and not _CODE.match(text):
            rank = _RANK.search((match["name"] if match else None) or "")
            kept.append(Line(number, process, rank[0] if rank else "", text))
    return [replace(line, survived=alive.get(line.process, -1) > line.number) for line in kept]


def by_process(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each process, the process that speaks first first."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.process, []).append(line)
    return list(groups.values())
