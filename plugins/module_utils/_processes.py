# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: processes - those of a container, as the host's /proc shows them: names, states, where they wait."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import PROCESS_STATES

# The name stands in brackets and may hold anything, brackets too (man 5 proc_pid_stat).
_STAT = re.compile(r"(\d+) \((.*)\) (\S) (-?\d+) ", re.DOTALL)
_ENGINE = "VLLM::"


def parse_stat(text: str) -> Optional[dict[str, Any]]:
    """Return the id, name, state and parent of a process from its /proc/PID/stat."""
    match = _STAT.match(text)
    if match is None:
        return None
    return {"pid": int(match[1]), "name": match[2], "state": match[3], "parent": int(match[4])}


def descendants(processes: Iterable[Mapping[str, Any]], root: int) -> list[Mapping[str, Any]]:
    """Return a process and all below it, parents first."""
    children: dict[int, list[Mapping[str, Any]]] = {}
    found: list[Mapping[str, Any]] = []
    for process in processes:
        children.setdefault(process["parent"], []).append(process)
        if process["pid"] == root:
            found.append(process)
    for process in found:  # grows while it is read
        found += children.get(process["pid"], [])
    return found


def of_container(container_id: str, pid: int, proc: Path = Path("/proc")) -> list[dict[str, Any]]:
    """Return a container's processes; none where its engine is another host's, as its process ids are then others."""
    if pid <= 1 or container_id not in _read(proc / str(pid) / "cgroup"):
        return []
    stats = (parse_stat(_read(folder / "stat")) for folder in proc.glob("[0-9]*"))
    return [_shown(process, proc) for process in descendants([stat for stat in stats if stat], pid)]


def hindered(processes: Sequence[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    """Return the process whose state explains why an engine hangs, an engine's before others'; None for none."""
    odd = [process for process in processes if process["state"] in PROCESS_STATES]
    return next((process for process in odd if process["name"].startswith(_ENGINE)), odd[0] if odd else None)


def _shown(process: Mapping[str, Any], proc: Path) -> dict[str, Any]:
    state = process["state"]
    wchan = _read(proc / str(process["pid"]) / "wchan") if state == "D" else ""
    return {"pid": process["pid"], "name": process["name"], "state": state, "waits_in": wchan.strip("0\n ") or None}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
