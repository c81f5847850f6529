"""Real replies of vLLM 0.22.1 (a GPU, weights of chance) and 0.32.0 (a tiny model), and ways to break them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Event

FOLDER = Path(__file__).parent / "fixtures" / "replies"
NEW, OLD = "vllm-0.32.0", "vllm-0.22.1"


def whole(version: str, name: str) -> dict[str, Any]:
    """Return a whole reply."""
    return dict(json.loads((FOLDER / version / f"{name}.json").read_text()))


def events(version: str, name: str) -> list[Event]:
    """Return the events of a stream."""
    found, kind = [], ""
    for line in (FOLDER / version / f"{name}.txt").read_text().splitlines():
        field, _colon, value = line.partition(": ")
        kind = value if field == "event" else kind
        if field == "data":
            found.append(Event(kind, None if value == "[DONE]" else json.loads(value)))
    return found


def changed(reply: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value replaced, or removed when it is Ellipsis."""
    copied = copy.deepcopy(reply)
    *parents, last = path.split(".")
    place: Any = copied
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


def event_changed(found: Iterable[Event], number: int, path: str, value: Any) -> list[Event]:
    """Return the events with one value of one of them replaced, or removed when it is Ellipsis."""
    copied = list(found)
    event = copied[number]
    copied[number] = Event(event.name, changed(event.data or {}, path, value))
    return copied


def where(found: Iterable[Event], wanted: Callable[[dict[str, Any]], Any]) -> int:
    """Return the number of the first event like that."""
    return next(number for number, event in enumerate(found) if event.data and wanted(event.data))
