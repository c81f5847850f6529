"""Two clients ask one server the same, in turn; what is compared is what the server's own counters say meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from record import expect

# Asks once, and returns what was seen: "while_full" as load.while_full tells it. It is given the turn's number.
Ask = Callable[[int], Mapping[str, Any]]


def in_turns(client: Ask, bench: Ask, turns: int) -> dict[str, Any]:
    """Let both ask, and return what each turn showed, the speeds, and the ratio of their medians.

    StepFailed when a turn has no speed: a median of fewer turns, or of none, would look like a result.
    """
    asking = {"client": client, "bench": bench}
    speeds: dict[str, list[float]] = {who: [] for who in asking}
    found: dict[str, Any] = {}
    for number in range(1, turns + 1):
        # Each goes first as often, as a server gets faster meanwhile.
        for who in ("bench", "client") if number % 2 else ("client", "bench"):
            told = asking[who](number)
            speed = told["while_full"].get("tokens_per_second")
            expect(bool(speed), f"wanted a speed of each turn, found none in turn {number} of the {who}: {told}")
            speeds[who].append(speed)
            found[f"{who} {number}"] = told
    ratio = median(speeds["client"]) / median(speeds["bench"])
    return {**found, "tokens per second": speeds, "client over bench": round(ratio, 4)}
