# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rollout outcome - what became of the hosts of a rollout so far, and whether it may go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_plan import UNFIT
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed

ACCEPTED = "accepted"
ROLLED_BACK = "rolled_back"  # it failed, and serves what was accepted before
STOPPED = "stopped"  # it failed, had nothing to go back to, and serves nothing
LOST = "lost"  # it failed, and nothing is known of it since
OUT_OF_SERVICE = "out_of_service"  # it is accepted, but could not be put back into service
OUTCOMES = (ACCEPTED, ROLLED_BACK, STOPPED, LOST, OUT_OF_SERVICE)
_IN_WORDS = {
    ROLLED_BACK: "serves again what was accepted before",
    STOPPED: "serves nothing: its servers are stopped",
    LOST: "what it serves is not known",
    OUT_OF_SERVICE: "is accepted, but is not back in service",
}


def wave_of(plan: Mapping[str, Any], batch: Sequence[str]) -> int:
    """Return the number of the wave that these hosts are of; 0 for none."""
    return next((row["wave"] for row in plan["hosts"] if row["host"] in batch and row["wave"]), 0)


def rollout_outcome(
    plan: Mapping[str, Any], told: Mapping[str, Mapping[str, str]], wave: int, max_failures: int
) -> dict[str, Any]:
    """Return the plan with each host's `outcome` and `reason` up to this wave, `failed`, `stopped` and a sentence.

    `told` holds outcome and reason of the hosts that came to an end; one of these waves that is not in it is lost. A
    host that was unfit before the first wave counts as failed; one that was away does not.
    """
    rows = [_row(row, told.get(row["host"]), wave) for row in plan["hosts"]]
    failed = [row["host"] for row in rows if _failed(row)]
    mine = [row for row in rows if row["wave"] == wave]
    stopped = _why_stopped(failed, mine, max_failures)
    done = {**plan, "hosts": rows, "wave": wave, "failed": failed, "stopped": stopped}
    return {**done, "sentence": _sentence(done)}


def what_it_serves(row: Mapping[str, Any]) -> str:
    """Return in words what a host that failed serves now."""
    return _IN_WORDS.get(row["outcome"] or "", "was not touched")


def _row(row: Mapping[str, Any], told: Mapping[str, str] | None, wave: int) -> dict[str, Any]:
    if not row["wave"] or row["wave"] > wave:
        return {**row, "outcome": None}
    if told is None:
        reason = "it was lost on the way: it could not be reached any more, or its rollback failed too"
        return {**row, "outcome": LOST, "reason": reason}
    return {**row, "outcome": told["outcome"], "reason": told.get("reason", "")}


def _failed(row: Mapping[str, Any]) -> bool:
    return row["state"] == UNFIT or row["outcome"] not in (None, ACCEPTED)


def _why_stopped(failed: Sequence[str], wave: Sequence[Mapping[str, Any]], max_failures: int) -> str:
    if len(failed) > max_failures:
        count = "1 host" if len(failed) == 1 else f"{len(failed)} hosts"
        return f"{count} failed ({listed(failed)}), and rollout_max_failures is {max_failures}"
    if wave and all(_failed(row) for row in wave):
        return f"no host of the wave passed ({listed([row['host'] for row in wave])})"
    return ""


def _sentence(done: Mapping[str, Any]) -> str:
    rows = done["hosts"]
    accepted = sum(row["outcome"] == ACCEPTED for row in rows)
    planned = sum(bool(row["wave"]) for row in rows)
    counts = f"{accepted} of {planned} hosts accepted, {len(done['failed'])} failed"
    left = [row["host"] for row in rows if row["wave"] and row["outcome"] is None]
    if done["stopped"]:
        where = f"after wave {done['wave']} of {len(done['waves'])}" if done["wave"] else "before the first wave"
        rest = f" Not touched: {listed(left)}." if left else ""
        return f"The rollout stopped {where}: {done['stopped']}. {counts}.{rest}"
    if left:
        return f"Wave {done['wave']} of {len(done['waves'])} passed: {counts}."
    return f"The rollout is finished: {counts}." if planned else str(done["sentence"])
