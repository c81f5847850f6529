# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: stop times - how long a server may finish its requests, and when the engine kills it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import number_of

DRAIN_SECONDS = 60
# What vLLM takes to end once the last request is done; beyond it the engine kills.
END_SECONDS = 30


def stop_timeout_of(told: Optional[int], arguments: Sequence[str]) -> int:
    """Return the seconds until the engine kills a server: as told, or 30 beyond those that its requests may take."""
    return told or _own_seconds(arguments) + END_SECONDS


def stop_times(drain: Optional[int], stop: Optional[int], container: Mapping[str, Any]) -> tuple[int, int]:
    """Return the seconds to wait for a server's requests before it is told to stop, and those until it is killed then.

    What is not told is as the inspected container was made.
    """
    config = container["Config"]
    arguments = config.get("Cmd") or []
    seconds = drain if drain is not None else _own_seconds(arguments) or DRAIN_SECONDS
    return seconds, stop or config.get("StopTimeout") or stop_timeout_of(None, arguments)


def _own_seconds(arguments: Sequence[str]) -> int:
    """Return how long vLLM, once told to stop, takes requests to their end; without the argument it drops them."""
    return number_of(arguments, "--shutdown-timeout") or 0
