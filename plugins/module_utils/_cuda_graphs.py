# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cuda graphs - whether a server's graphs hold as many tokens as its steps have. Pure.

A step has one token for each request that is being answered, and those of the prompts that it begins. Above the largest
size that was captured vLLM takes no graph (config/vllm.py of 0.22.1 and 0.32.0), and its own choice is twice as many as
the requests that a server takes at once, up to 512 or 1,024. What a smaller one costs: docs/real_gpus.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import numbers_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import capacity_of

# What vLLM takes at once where it is not told, on the smaller of its kinds of GPUs (engine/arg_utils.py).
_LEAST_SEATS = 256
# A list of sizes, or the largest one; --cuda-graph-sizes is the name before vLLM 0.11.1.
_FLAGS = ("--cudagraph-capture-sizes", "--cuda-graph-sizes", "--max-cudagraph-capture-size")


def small_graphs(arguments: Sequence[str]) -> Optional[str]:
    """Return a warning where graphs are given that end at or below the requests at once; None where all is well."""
    found = _largest(arguments)
    seats = capacity_of(arguments, None).seats or _LEAST_SEATS
    if found is None or found[1] > seats or "--enforce-eager" in arguments:
        return None
    flag, largest = found
    return (
        f"its CUDA graphs end at {largest} tokens a step ({flag}), but it takes {seats} requests at once or more. A "
        f"step with more tokens runs without a graph, as each does that begins a request beside {largest} others: 128 "
        f"requests and graphs up to 128 gave 54 % of the speed on an H200. Leave {flag} out, or go up to {2 * seats}"
    )


def _largest(arguments: Sequence[str]) -> Optional[tuple[str, int]]:
    """Return the first of the flags that is given and its largest number; None where there is none, or it is zero."""
    for flag in _FLAGS:
        largest = max(numbers_of(arguments, flag), default=0)
        if largest:
            return flag, largest
    return None
