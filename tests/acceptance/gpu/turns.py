"""Two clients ask one server the same, in turn; what is compared is what the server's own counters say meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from record import expect

# Asks once, and returns what was seen: "while_full" as load.while_full tells it. It is given the turn's number.
Ask = Callable[[int], Mapping[str, Any]]


def in_turns(client: Ask, bench: Ask, turns: int, keep: Path | None = None) -> dict[str, Any]:
    """Let both ask, and return what each turn showed, the speeds, and the ratio of their medians.

    `keep` is a file that takes each turn once it is over: a later call goes on from there. StepFailed when a turn has
    no speed: a median of fewer turns, or of none, would look like a result.
    """
    asking = {"client": client, "bench": bench}
    found: dict[str, Any] = json.loads(keep.read_text()) if keep and keep.exists() else {}
    for number in range(1, turns + 1):
        # Each goes first as often, as a server gets faster meanwhile.
        for who in ("bench", "client") if number % 2 else ("client", "bench"):
            name = f"{who} {number}"
            if name in found:
                continue
            told = asking[who](number)
            speed = told["while_full"].get("tokens_per_second")
            expect(bool(speed), f"wanted a speed of each turn, found none in turn {number} of the {who}: {told}")
            found[name] = told
            if keep:
                keep.write_text(json.dumps(found))
    speeds = {
        who: [found[f"{who} {number}"]["while_full"]["tokens_per_second"] for number in range(1, turns + 1)]
        for who in asking
    }
    return {**found, "tokens per second": speeds, **_compared(speeds["client"], speeds["bench"])}


def _compared(client: list[float], bench: list[float]) -> dict[str, Any]:
    """Return the ratio of the medians, and the turns' own ratios with their mean and how sure that is."""
    ratios = [ours / theirs for ours, theirs in zip(client, bench)]
    found: dict[str, Any] = {"client over bench": round(median(client) / median(bench), 4)}
    found["of each turn"] = [round(ratio, 4) for ratio in ratios]
    found["mean of the turns"] = round(mean(ratios), 4)
    if len(ratios) > 1:
        found["standard error"] = round(stdev(ratios) / len(ratios) ** 0.5, 4)
    return found
