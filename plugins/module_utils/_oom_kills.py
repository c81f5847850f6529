# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: oom kills - which processes the kernel killed when memory ran out, by its log.

Two lines tell of a kill: `oom-kill:constraint=CONSTRAINT_NONE,...,task_memcg=/docker/ID,task=NAME,pid=1,uid=0`, then
`Out of memory: Killed process 1 (NAME) total-vm:1kB, anon-rss:1kB, ...` (mm/oom_kill.c in Linux 4.19 and newer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WHERE = re.compile(r"oom-kill:constraint=(?P<constraint>\w+),.*task_memcg=(?P<group>[^,]*),.*pid=(?P<pid>\d{1,10})")
_WHO = re.compile(
    r"(?P<kind>Memory cgroup out|Out) of memory: Killed process (?P<pid>\d{1,10}) \((?P<name>[^)]*)\)(?P<rest>.*)"
)
_RESIDENT = re.compile(r"(?:anon|file|shmem)-rss:(\d{1,18})kB")
_STAMP = re.compile(r"^\[ *(\d+\.\d+)\]")
# vLLM names its processes so; the kernel keeps 15 characters.
_OURS = re.compile(r"^(?:VLLM::|vllm)")


@dataclass(frozen=True)
class OomKill:
    """One kill. `group` is the process's control group; `is_limit`: a limit was hit, the host itself was not full."""

    pid: int
    name: str
    group: str
    is_limit: bool
    resident_mib: int


def since(lines: Iterable[str], uptime: float) -> list[str]:
    """Return the lines of a kernel's log that were written `uptime` seconds after the boot, or later.

    Where the kernel writes no times, nobody knows what is new: such lines are left out.
    """
    stamped = ((_STAMP.match(line), line) for line in lines)
    return [line for stamp, line in stamped if stamp and float(stamp[1]) >= uptime]


def find_kills(lines: Iterable[str]) -> list[OomKill]:
    """Return the kills, oldest first."""
    groups: dict[str, str] = {}
    kills = []
    for line in lines:
        where, who = _WHERE.search(line), _WHO.search(line)
        if where:
            groups[where["pid"]] = where["group"]
        elif who:
            resident = sum(int(size) for size in _RESIDENT.findall(who["rest"])) // 1024
            is_limit = who["kind"].startswith("Memory")
            kills.append(OomKill(int(who["pid"]), who["name"], groups.get(who["pid"], ""), is_limit, resident))
    return kills


def kill_of(kills: Iterable[OomKill], container_id: str) -> OomKill | None:
    """Return the last kill inside the container; without control groups in the log, the last of a vLLM process."""
    own = [kill for kill in kills if (container_id in kill.group if kill.group else _OURS.match(kill.name))]
    return own[-1] if own else None
