# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke check - one check of a smoke test, and how many are made at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import ApiError, ApiTimeout
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, SmokeError, Usage

Clock = Callable[[], float]


@dataclass(frozen=True)
class Outcome:
    """What a check that went well found: what to show, and the answer where there was one."""

    detail: str
    answer: Optional[Answer] = None
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One check: what was asked, whether all was well, what was found, and how long it took.

    A skipped check is `ok`: what kept it from being made fails elsewhere, or does not matter.
    """

    name: str
    group: str
    ok: bool
    detail: str
    seconds: float = 0.0
    skipped: bool = False
    numbers: Mapping[str, int] = field(default_factory=dict)
    answer: Optional[Answer] = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Job:
    """A check that is still to be made. Those of a greater weight begin first, as they take longest."""

    name: str
    group: str
    make: Callable[[], Outcome]
    weight: int = 0


def make(job: Job, clock: Clock) -> Check:
    """Make one check."""
    start = clock()
    try:
        outcome = job.make()
    except (SmokeError, ApiError) as exc:
        return Check(job.name, job.group, False, str(exc), clock() - start)
    usage = outcome.answer.usage if outcome.answer else Usage()
    numbers = {**(usage.numbers() if outcome.answer else {}), **outcome.numbers}
    return Check(
        job.name, job.group, True, outcome.detail, clock() - start,
        numbers=numbers, answer=outcome.answer, usage=usage,
    )  # fmt: skip


def make_all(jobs: Sequence[Job], concurrency: int, clock: Clock) -> list[Check]:
    """Make the checks, so many at a time, and return them in the order of the jobs.

    Once one has run into the timeout those that have not begun are skipped: a hung server is told in one timeout.
    """
    hung = threading.Event()

    def run(job: Job) -> Check:
        if hung.is_set():
            return Check(
                job.name, job.group, True, "not made, as the server did not answer another in time", skipped=True
            )
        return make(Job(job.name, job.group, _watched(job.make, hung)), clock)

    order = sorted(range(len(jobs)), key=lambda number: -jobs[number].weight)
    with ThreadPoolExecutor(max_workers=max(1, concurrency)) as pool:
        made = dict(zip(order, pool.map(lambda number: run(jobs[number]), order)))
    return [made[number] for number in range(len(jobs))]


def _watched(ask: Callable[[], Outcome], hung: threading.Event) -> Callable[[], Outcome]:
    def watch() -> Outcome:
        try:
            return ask()
        except ApiTimeout:
            hung.set()
            raise

    return watch
