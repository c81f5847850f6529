# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: support samples - the samples of an eval's journal that did not end well, few of each kind. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import CORRECT, OUTCOMES

# What a reply says may quote its question.
_TEXTS = ("text", "reasoning")
LEFT_OUT = "(left out: it may quote the question)"


def failing_samples(lines: Iterable[str], most: int, private_tasks: Collection[str]) -> dict[str, Any]:
    """Return of a journal its `task` and `reasoning_effort`, `counts` by outcome, `events`, and the failing `samples`.

    Of each outcome but `correct` the last `most` are kept. Of tasks in `private_tasks` no text of a reply is.
    """
    identity: Mapping[str, Any] = {}
    counts: Counter[str] = Counter()
    events: list[dict[str, Any]] = []
    kept: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        row = _parsed(line)
        if row is None:
            continue
        outcome = row.get("outcome")
        if isinstance(row.get("identity"), dict):
            identity = row["identity"]
        elif "event" in row:
            events.append(row)
        elif outcome in OUTCOMES:
            counts[outcome] += 1
            if outcome != CORRECT:
                kept.setdefault(outcome, []).append(row)
    private = identity.get("task") in private_tasks
    samples = [_shown(row, private) for outcome in sorted(kept) for row in kept[outcome][-most:]]
    return {
        "task": identity.get("task"),
        "reasoning_effort": identity.get("reasoning_effort"),
        "counts": dict(counts),
        "events": events,
        "samples": samples,
    }


def _parsed(line: str) -> Optional[dict[str, Any]]:
    try:
        row = _json_text.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _shown(row: Mapping[str, Any], private: bool) -> dict[str, Any]:
    return {key: LEFT_OUT if private and key in _TEXTS and value else value for key, value in row.items()}
