# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server plan - what bringing each server of a host to its description would do, by looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DONE = "done"  # it runs as described, and this was accepted with all that is asked for
PROVE = "prove"  # it runs as described, and still has to pass something
SWAP = "swap"  # another description runs
START = "start"  # none runs
UNFIT = "unfit"  # it could not be looked at, or cannot be deployed as described
FROM_LITTLE_TO_MUCH = (DONE, PROVE, SWAP, START, UNFIT)

Result = Mapping[str, Any]


def server_plans(
    wanted: Mapping[str, str],
    compared: Sequence[Result],
    accepted: Sequence[Result],
    images: Sequence[Result],
    models: Sequence[Result],
) -> list[dict[str, Any]]:
    """Return for each server its `state`, what runs `now`, what is `wanted`, the keys that change, what to `fetch`.

    `wanted` tells each server's image by its name. `compared` and `accepted` are the results of vllm_container in check
    mode, for the states started and accepted; `images` and `models` those of vllm_image and hf_model for the state
    reported. Without them the host is bare.
    """
    by_name = {str(result["item"]): result for result in compared}
    proven = {str(result["item"]) for result in accepted if result.get("actions") == []}
    missing_images = {str(result["image"]) for result in images if not result.get("present")}
    plans = []
    for name, image in wanted.items():
        found = by_name.get(str(name))
        fetch = [*(["image"] if image in missing_images else []), *_missing_models(str(name), models)]
        row = {"name": str(name), "wanted": image, "fetch": ["everything"] if found is None else fetch}
        plans.append({**row, **_compared(found, str(name) in proven)})
    return plans


def host_state(plans: Sequence[Mapping[str, Any]]) -> str:
    """Return what has to be done to a host: the most that one of its servers needs."""
    return max((plan["state"] for plan in plans), key=FROM_LITTLE_TO_MUCH.index, default=UNFIT)


def _missing_models(name: str, models: Sequence[Result]) -> list[str]:
    """Return the models of a server that are not in the cache, or were not verified."""
    return [
        str(result["item"]["repo_id"])
        for result in models
        if result.get("problem") and not result.get("verified") and name in result["item"]["servers"]
    ]


def _compared(result: Result | None, proven: bool) -> dict[str, Any]:
    """Return what a server's comparison with its description tells; None where nothing could be compared yet."""
    row: dict[str, Any] = {"state": START, "now": "nothing", "changes": [], "problem": ""}
    if result is None:
        return row
    if "actions" not in result:
        return {**row, "state": UNFIT, "problem": " ".join(str(result.get("msg") or "no reason given").split())}
    before, running = result["diff"]["before"], result["diff"]["before"]["state"] == "running"
    state = SWAP if running else START
    if running and not result["drift"]:
        state = DONE if proven else PROVE
    now = before["image"] if running else before["state"]
    return {**row, "state": state, "now": now, "changes": list(result["drift"])}
