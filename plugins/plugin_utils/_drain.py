# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: drain - how long a server that is told to stop may finish its running requests, and how vLLM is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stop_times import DRAIN_SECONDS, END_SECONDS
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import flags_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import alive


@dataclass(frozen=True)
class Drain:
    """Seconds to finish requests in (0: they are cut off), seconds until the engine kills, and what tells vLLM.

    The requests are waited for before the server is told to stop. A vLLM that is told so as well finishes those that
    come in between, or that took too long; only there must the engine wait for longer than that.
    """

    seconds: int
    stop_timeout: int
    arguments: Sequence[str] = ()


def drain_of(plan: Plan) -> Drain:
    """Return how a planned server stops. What the entry's own arguments say to vLLM is not said again."""
    options, drain = plan.options, plan.recipe.get("drain") or {}
    told = options.get("stop_timeout")
    template = [str(word) for word in drain.get("arguments") or []]
    if not template or not alive(plan.version, drain):
        return Drain(int(options.get("drain_timeout", DRAIN_SECONDS)), int(told or END_SECONDS))
    # Whoever shortens the stop alone means the whole of it.
    most = DRAIN_SECONDS if told is None else min(DRAIN_SECONDS, max(0, int(told) - END_SECONDS))
    seconds = int(options.get("drain_timeout", most))
    own = template[0] in flags_of(options.get("arguments", []))
    arguments = [word.replace("{drain_timeout}", str(seconds)) for word in template] if seconds and not own else []
    return Drain(seconds, int(told or seconds + END_SECONDS), arguments)


def drain_problems(plan: Plan) -> Iterator[str]:
    """Say where the engine would kill a server that still finishes its requests."""
    drain = drain_of(plan)
    if drain.arguments and drain.stop_timeout <= drain.seconds:
        yield (
            f"stop_timeout {drain.stop_timeout} must be larger than drain_timeout {drain.seconds}, or the server is "
            f"killed while it finishes requests; set {drain.seconds + END_SECONDS}, or leave it out"
        )
