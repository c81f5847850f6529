# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval watch, follows all evals that run on a host by their status files, in one look for all of them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import (
    RUNNING,
    STALE_SECONDS,
    Interrupted,
    Limits,
    WatchTimeout,
    look_command,
    parse,
)

Status = dict[str, Any]


def looks_command(status_paths: Sequence[str], seconds: float) -> str:
    """Return the shell command that waits so many seconds, less if the first job ends, and prints all statuses.

    Of each job it prints a line that is 0 when the job has ended, and its status, which is one line.
    """
    first, *others = status_paths
    return "; ".join([look_command(first, seconds), *(_ask(path) for path in others)])


def parse_all(text: str, status_paths: Sequence[str]) -> dict[str, tuple[bool, Status]]:
    """Return for each path whether its job has ended, and its status; Interrupted when one is not there."""
    lines = text.splitlines()
    if len(lines) != 2 * len(status_paths):
        raise Interrupted(f"wanted {len(status_paths)} statuses, found {len(lines) // 2}: {text[:200]!r}")
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return {path: parse("\n".join(pair)) for path, pair in zip(status_paths, pairs, strict=True)}


def watch_all(
    look: Callable[[Sequence[str], float], Mapping[str, tuple[bool, Status]]],
    show: Callable[[Status], None],
    status_paths: Sequence[str],
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Look until all jobs have ended or fallen silent, showing each that runs once in ``limits.interval`` seconds.

    ``look`` waits so many seconds and returns parse_all's result, or raises Interrupted, which is passed on once it
    lasts longer than ``limits.patience``. WatchTimeout after ``limits.timeout``.
    """
    began = contact = clock()
    changes = dict.fromkeys(status_paths, (began, None))
    pause = 0.0
    while changes:
        try:
            statuses = look(list(changes), pause)
            contact = clock()
        except Interrupted:
            if clock() - contact > limits.patience:
                raise
            sleep(max(1.0, pause))
            # Silence of the line is not silence of the jobs.
            changes = {path: (clock(), updated) for path, (_then, updated) in changes.items()}
            continue
        for path, (ended, status) in statuses.items():
            if status.get("updated") != changes[path][1]:
                changes[path] = (clock(), status.get("updated"))
            if ended or status.get("state") != RUNNING or clock() - changes[path][0] > STALE_SECONDS:
                del changes[path]
            else:
                show(status)
        if limits.timeout is not None and clock() - began > limits.timeout:
            raise WatchTimeout(f"not done after {limits.timeout:g} s")
        pause = limits.interval


def _ask(status_path: str) -> str:
    lock = shlex.quote(status_path.rpartition("/")[0] + "/lock")
    return f"flock --shared --nonblock {lock} true 2>/dev/null; echo $?; cat {shlex.quote(status_path)}"
