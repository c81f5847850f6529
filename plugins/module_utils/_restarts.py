# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: restarts - how often Docker restarted a server since somebody last looked, and whether it goes in circles.

Docker counts restarts by its policy alone, and from 0 again when somebody starts the container by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement, span
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import HEALTHY, REMEDIES

# So many restarts in so many seconds are a loop. A start of vLLM takes a minute or more, and then serves for days.
LOOP_RESTARTS = 3
LOOP_SECONDS = 600.0
_KEPT = 20
# What is wrong beside the restarts, and more so.
_WORSE = ("stuck", "wrong_server", "absent")


@dataclass(frozen=True)
class Restart:
    """Restarts that one look found: when the container was last started (seconds since the epoch), and how many."""

    at: float
    count: int


@dataclass(frozen=True)
class Memory:
    """What the last look that saw something new left. `seen_at` is its time in seconds since the epoch."""

    container_id: str
    restart_count: int
    started: Optional[float]
    seen_at: float
    looping: bool = False
    restarts: tuple[Restart, ...] = ()


@dataclass(frozen=True)
class Restarts:
    """The restarts since the last look, all known ones with their times, and whether the server goes in circles."""

    count: int
    total: int
    known: tuple[Restart, ...]
    looping: bool


def read_memory(text: Optional[str]) -> Optional[Memory]:
    """Return what a file holds; None for no file, and for one that is not ours: then nothing is remembered."""
    try:
        kept = _json_text.loads(text or "")
        restarts = tuple(Restart(float(row["at"]), int(row["count"])) for row in kept.pop("restarts"))
        memory = Memory(**kept, restarts=restarts)
        numbers = (memory.restart_count, memory.seen_at, *(() if memory.started is None else (memory.started,)))
        return memory if all(isinstance(number, (int, float)) for number in numbers) else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def write_memory(memory: Memory) -> str:
    """Return a file's text."""
    return json.dumps(asdict(memory), indent=2, sort_keys=True) + "\n"


def restarts_of(container: Container, memory: Optional[Memory], serves: bool, now: float) -> Restarts:
    """Return the restarts of a container; `serves` tells whether it now answers."""
    memory = memory if memory and memory.container_id == container.id else None
    before = memory.restart_count if memory else 0
    # A smaller count than before: somebody started it by hand since, and Docker counted anew.
    count = container.restart_count - (before if container.restart_count >= before else 0)
    known = memory.restarts if memory else ()
    if count:
        known = (*known, Restart(container.started or now, count))[-_KEPT:]
    looping = _looping(container, memory, known, now) if count or not serves else False
    return Restarts(
        count, container.restart_count, known, looping or (not serves and _in_vain(container, memory, count))
    )


def with_restarts(judgement: Judgement, restarts: Restarts, allowed: int, name: str, now: float) -> Judgement:
    """Return a judgement that knows of the restarts: more than allowed are a verdict of their own, once."""
    if not restarts.count and not restarts.looping:
        return judgement
    last = f", last {span(now - restarts.known[-1].at)} ago" if restarts.known else ""
    times = f"{restarts.count} time{'' if restarts.count == 1 else 's'}"
    text = f"Docker restarted it {times} since the last look ({restarts.total} in all{last})"
    verdict = judgement.verdict
    if restarts.looping and verdict not in _WORSE:
        verdict = "crash_loop"
    elif restarts.count > allowed and verdict in (*HEALTHY, "unknown"):
        verdict = "restarting"
    remedy = judgement.remedy if verdict == judgement.verdict else REMEDIES[verdict].format(name=name)
    return Judgement(verdict, f"{text}; now {judgement.sentence}", remedy, judgement.after)


def renewed(container: Container, memory: Optional[Memory], restarts: Restarts, now: float) -> Memory:
    """Return what to remember: the memory itself when there is nothing new."""
    fresh: dict[str, Any] = {
        "container_id": container.id,
        "restart_count": container.restart_count,
        "started": container.started,
        "looping": restarts.looping,
        "restarts": restarts.known,
    }
    if memory is not None and all(getattr(memory, name) == value for name, value in fresh.items()):
        return memory
    return Memory(seen_at=now, **fresh)


def _looping(container: Container, memory: Optional[Memory], known: tuple[Restart, ...], now: float) -> bool:
    """Tell whether there were many restarts in a short time; of those that one look found the last one's is known."""
    since = memory.seen_at if memory else container.created
    late = [restart for restart in known if now - restart.at <= LOOP_SECONDS]
    if late and late[-1] not in (memory.restarts if memory else ()) and now - since > LOOP_SECONDS:
        late = late[:-1]
    return sum(restart.count for restart in late) >= LOOP_RESTARTS


def _in_vain(container: Container, memory: Optional[Memory], count: int) -> bool:
    """Tell of a container that does not serve whether restarts have not helped."""
    if not container.running:
        return False
    if memory and memory.looping and container.restart_count >= max(1, memory.restart_count):
        return True
    return container.restart_count >= LOOP_RESTARTS and (count >= LOOP_RESTARTS or container.restarting)
