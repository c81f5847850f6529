# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fetch - brings many files, each by a process of its own, and has patience with a Hub that has not.

A process whose file does not grow is killed and goes on where it was, without Xet from then on; what the Hub asks to
wait is waited, by all; a file that arrives with another hash than the Hub's list says is fetched anew.
"""

from __future__ import annotations

import random
import select
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._child import Child, end_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import Digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Listed

_LOOK_SECONDS = 0.5
# The rate is told over so many seconds.
_RATE_WINDOW = 10.0
FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
# Whoever asks for a longer wait than this is told so by a person: nobody watches a run that sleeps for hours.
_LONGEST_WAIT = 300.0
# A whole file is fetched in vain each time: what is wrong three times will not be right.
_MOST_WRONG = 3


class DoubtError(CacheError):
    """What came, or was told of it, is not what the list of the commit's files says: the list may be wrong."""


@dataclass(frozen=True)
class Patience:
    """How long to bear with the Hub.

    A file that gains fewer than `stall_bytes` in `stall_seconds` has stalled. `retries` are those of one file in a row
    that each gained less; `timeout` seconds is the longest that all may take, 0 for no limit.
    """

    workers: int = 8
    stall_seconds: float = 60.0
    stall_bytes: int = 64 * 1024
    retries: int = 5
    timeout: float = 0.0


@dataclass
class File:
    """A file to fetch, where it is staged, and how it stands."""

    name: str
    listed: Listed
    staged: Path
    child: Optional[Child] = None
    failures: int = 0
    wrong: int = 0
    due: float = 0.0
    xet: bool = True
    best: int = 0
    seen: int = 0
    seen_at: float = 0.0
    trouble: str = ""

    def arrived(self) -> int:
        """Return how many bytes are on the disk."""
        # In this order: the part becomes the file at any moment.
        sizes = (_size(self.staged.with_name(self.staged.name + ".part")), _size(self.staged))
        return min(self.listed.size, max(sizes))


@dataclass
class Fetch:
    """Brings files. `begin` returns the process's work for a file; `keep` gets each file that arrived and is right.

    `report` gets bytes_done, bytes_total, files_done, files_total, rate (bytes a second), eta_s and trouble.
    """

    files: Sequence[File]
    begin: Callable[[File], Callable[[], Any]]
    keep: Callable[[File, Digests], None]
    report: Callable[[dict[str, Any]], None]
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    _done: list[File] = field(default_factory=list)
    _quiet_until: float = 0.0
    _history: list[tuple[float, int]] = field(default_factory=list)

    def run(self) -> None:
        """Bring all files. Raises CacheError when one cannot be brought; what has arrived stays."""
        began = self.clock()
        # Large ones first: what is left in the end is small.
        waiting = sorted(self.files, key=lambda file: -file.listed.size)
        try:
            while len(self._done) < len(self.files):
                self._start(waiting)
                for file in self._ended():
                    self._take(file)
                self._look(began)
        finally:
            for file in self.files:
                if file.child:
                    file.child.kill()

    def _start(self, files: Sequence[File]) -> None:
        free = self.patience.workers - sum(file.child is not None for file in files)
        now = self.clock()
        for file in files:
            if free > 0 and file.child is None and file not in self._done and max(file.due, self._quiet_until) <= now:
                file.seen, file.seen_at = file.arrived(), now
                file.best = max(file.best, file.seen)
                file.child = Child(self.begin(file))
                free -= 1

    def _ended(self) -> list[File]:
        running = {file.child.fd: file for file in self.files if file.child}
        if not running:
            due = min((file.due for file in self.files if file not in self._done), default=0.0)
            time.sleep(min(_LOOK_SECONDS, max(0.0, max(due, self._quiet_until) - self.clock())))
        ready = select.select(list(running), [], [], _LOOK_SECONDS)[0] if running else []
        return [running[fd] for fd in ready if (child := running[fd].child) and child.read()]

    def _take(self, file: File) -> None:
        answer = file.child.answer if file.child else None
        file.child = None
        if not isinstance(answer, dict) or "digests" not in answer:
            self._failed(file, answer if isinstance(answer, dict) else {})
            return
        read = Digests(**answer["digests"])
        if not read.error and (read.size, read.by(file.listed.algorithm)) == (file.listed.size, file.listed.digest):
            self._done.append(file)
            self.keep(file, read)
            return
        file.staged.unlink()
        file.wrong += 1
        found = read.error or f"{file.listed.algorithm} {read.by(file.listed.algorithm)}"
        text = (
            f"{file.name} arrived wrong: expected {file.listed.algorithm} {file.listed.digest}, found {found}; "
            "something between the Hub and this host changes it: a proxy, a mirror, the disk"
        )
        if file.wrong == _MOST_WRONG:
            raise DoubtError(f"{text} ({file.wrong} times)")
        file.xet = False
        self._again(file, text)

    def _failed(self, file: File, answer: Mapping[str, Any]) -> None:
        file.xet = file.xet and not answer.get("xet")
        refusal = answer.get("refusal")
        if refusal is None:
            self._again(file, f"the process that fetched {file.name} ended {end_of(answer)}")
        elif refusal["final"]:
            raise CacheError(refusal["text"])
        else:
            self._again(file, refusal["text"], refusal["wait"], DoubtError if refusal.get("doubt") else CacheError)

    def _again(
        self, file: File, trouble: str, wait: Optional[float] = None, error: type[CacheError] = CacheError
    ) -> None:
        """Let a file begin again later, or raise CacheError when that was tried often enough."""
        arrived = file.arrived()
        gained = arrived - file.best
        file.failures = 1 if gained >= self.patience.stall_bytes else file.failures + 1
        file.best = max(file.best, arrived)
        file.trouble = trouble
        if file.failures > self.patience.retries:
            raise error(f"{trouble} (after {file.failures} attempts)")
        seconds = pause(file.failures, wait, trouble)
        file.due = self.clock() + seconds
        if wait is not None:  # it is the Hub's wish, not this file's
            self._quiet_until = max(self._quiet_until, file.due)

    def _look(self, began: float) -> None:
        now = self.clock()
        limit = self.patience.timeout
        if limit and now - began > limit:
            left = ", ".join(file.name for file in self.files if file not in self._done)
            raise CacheError(f"not all files came within {limit:g} s; {left} are left: raise timeout, or run again")
        for file in self.files:
            if file.child:
                self._stalled(file, now)
        self._tell(now)

    def _stalled(self, file: File, now: float) -> None:
        arrived = file.arrived()
        gained = arrived - file.seen
        if arrived >= file.listed.size or gained >= self.patience.stall_bytes:
            file.seen, file.seen_at, file.trouble = arrived, now, ""
        elif now - file.seen_at >= self.patience.stall_seconds and file.child:
            file.child.kill()
            file.child = None
            file.xet = False
            text = (
                f"{file.name} stalled: {gained:,} bytes in {now - file.seen_at:.0f} s, {arrived:,} of "
                f"{file.listed.size:,} there"
            )
            self._again(file, text + "; check the network to the Hub, or raise stall_timeout if it is that slow")

    def _tell(self, now: float) -> None:
        total = sum(file.listed.size for file in self.files)
        done = sum(file.listed.size if file in self._done else file.arrived() for file in self.files)
        self._history = [entry for entry in self._history if entry[0] >= now - _RATE_WINDOW] + [(now, done)]
        (then, before), span = self._history[0], now - self._history[0][0]
        rate = max(0, done - before) / span if span > 0 and then < now else 0.0
        troubles = [file.trouble for file in self.files if file.trouble and file not in self._done]
        told = {
            "bytes_done": done,
            "bytes_total": total,
            "files_done": len(self._done),
            "files_total": len(self.files),
            "rate": round(rate),
            "eta_s": round((total - done) / rate) if rate else None,
            "trouble": troubles[0] if troubles else "",
        }
        self.report(told)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def pause(failures: int, wait: Optional[float], trouble: str) -> float:
    """Return how many seconds to wait before the next attempt: what was asked for, or twice as long each time.

    Raises CacheError with the trouble where more is asked for than a run can wait.
    """
    if wait is None:
        # Not all hosts of a fleet at the same moment.
        return min(_LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1)) * random.uniform(1.0, 1.25)
    if wait > _LONGEST_WAIT:
        raise CacheError(f"{trouble}; it asks to come back in {wait:,.0f} s, which is more than a run waits")
    return wait


def staging_of(folder: Path, files: Mapping[str, Listed]) -> list[File]:
    """Return the files as staged in a folder by their hashes, each content once; remove what is none of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {listed.digest: File(name, listed, folder / listed.digest) for name, listed in files.items()}
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name.removesuffix(".part") not in contents:
            path.unlink()
    return list(contents.values())
