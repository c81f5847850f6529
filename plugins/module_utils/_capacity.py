# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: capacity, how many requests a server works on at once, and so how many an eval keeps under way. Pure.

Too few leave the GPU idle; what goes beyond the server's seats only waits in its queue and costs both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import number_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters, MetricsError, samples

# As the published recipe for evals sets --max-num-seqs, where the server does not tell its own.
USUAL_SEATS = 128
# The most requests that the full GPQA has at one effort.
MOST = 1584
FEWEST = 8
# A share of the seats that waits in the server's queue, so that a seat is taken again at once.
_SPARE = 0.125
_PROMPT_TOKENS = 300.0
_CONFIGURATION = "vllm:cache_config_info"
_PREEMPTIONS = "vllm:num_preemptions_total"
# As each engine logs it at its start (kv_cache_utils.py of vLLM 0.22.1 and 0.32.0).
_LOGGED = re.compile(r"(?:(?P<engine>\(EngineCore[^)]*\)).*)?\b[CG]PU KV cache size: (?P<tokens>\d[\d,]{0,18}) tokens")
# In the configuration that each engine logs at its start (core.py of both).
_GRAPHS = re.compile(r"'cudagraph_mode': <CUDAGraphMode\.(?!NONE).*'max_cudagraph_capture_size': (?P<tokens>\d{1,9})")
# The share of the largest CUDA graph that requests under way may take; the rest is for the prompts that begin beside
# them. On an H200, graphs up to 512: 13,227 tokens a second at 256 requests, 14,264 at 384, 9,864 at 512, 8,703 at 768
# (docs/real_gpus.md). Smaller graphs are no reason for so few requests: there a step without a graph may be the faster.
_IN_GRAPHS = 0.75
_LEAST_GRAPHS = 512
_FULL = 0.95  # of the KV cache
_GROWTH = 1.25
_SHRINKAGE = 0.9


class Capacity(NamedTuple):
    """What a server has room for; None where it does not tell."""

    seats: Optional[int] = None  # --max-num-seqs, of all engines
    kv_tokens: Optional[int] = None  # of all engines
    in_graphs: Optional[int] = None  # requests whose steps mostly fit CUDA graphs, of all engines


class Logged(NamedTuple):
    """What the log of a server's start tells; None where it does not."""

    kv_tokens: Optional[int] = None  # of all engines
    graph_tokens: Optional[int] = None  # of an engine's largest CUDA graph


NOTHING_LOGGED = Logged()


def logged(lines: Iterable[str]) -> Logged:
    """Return the KV cache's size and that of the largest CUDA graph, in tokens, from the log of a server's start."""
    engines, largest = dict[Optional[str], int](), None
    for line in lines:
        if match := _LOGGED.search(line):
            engines[match["engine"]] = int(match["tokens"].replace(",", ""))
        elif match := _GRAPHS.search(line):
            largest = int(match["tokens"])
    return Logged(sum(engines.values()) or None, largest)


def capacity_of(arguments: Sequence[str], metrics: Optional[str], told: Logged = NOTHING_LOGGED) -> Capacity:
    """Return the capacity from a server's arguments, its /metrics, and what the log of its start told.

    vLLM 0.32.0 tells the KV cache's size in tokens; older ones tell blocks, which for models with sliding windows
    hold fewer tokens than blocks times their size (0.22.1: 4.57 of 4.87 million).
    """
    engines, tokens = 1, None
    try:
        found = [sample.labels for sample in samples(metrics or "", (_CONFIGURATION,))]
        sizes = [_cache_tokens(labels) for labels in found]
        engines = max(1, len(found))
        tokens = sum(size for size in sizes if size) or None
    except MetricsError:
        tokens = None
    seats = number_of(arguments, "--max-num-seqs")
    in_graphs = None
    if told.graph_tokens and told.graph_tokens >= _LEAST_GRAPHS:
        in_graphs = int(told.graph_tokens * _IN_GRAPHS) * engines
    return Capacity(None if seats is None else seats * engines, tokens or told.kv_tokens, in_graphs)


def preemptions(metrics: Optional[str]) -> float:
    """Return how often a server had to take a request's room away."""
    try:
        return sum(sample.value for sample in samples(metrics or "", (_PREEMPTIONS,)))
    except MetricsError:
        return 0.0


def most(capacity: Capacity, allowed: int = MOST) -> int:
    """Return the most requests to keep under way: no more than the server's CUDA graphs hold, where it has more seats.

    A server that is not told how many it takes at once takes more than its graphs hold, on a GPU with 70 GiB and more.
    """
    inside = capacity.in_graphs
    if inside is None or (capacity.seats is not None and capacity.seats <= inside):
        return allowed
    return min(allowed, inside)


def first_guess(capacity: Capacity, expected_tokens: float, waiting: int, allowed: int = MOST) -> int:
    """Return how many requests to keep under way at first; ``expected_tokens`` is a reply's usual length."""
    wanted = (capacity.seats or USUAL_SEATS) * (1 + _SPARE)
    if capacity.kv_tokens:
        wanted = min(wanted, capacity.kv_tokens / (_PROMPT_TOKENS + expected_tokens))
    return max(1, min(max(FEWEST, int(wanted)), waiting, allowed))


def adjusted(current: int, counters: EngineCounters, preempted: bool, allowed: int = MOST) -> int:
    """Return how many requests to keep under way, after a look at the server.

    More, while all of them run, the KV cache has room and none was preempted; fewer, when many wait or some were.
    """
    usage = counters.kv_cache_usage or 0.0
    running, waiting = counters.requests_running, counters.requests_waiting
    if preempted or usage >= _FULL:
        return max(FEWEST, min(current, int(max(running, 1) * (1 + _SPARE)), int(current * _SHRINKAGE)))
    if waiting > 2 * _SPARE * max(running, FEWEST):
        return max(FEWEST, min(current, int(running * (1 + _SPARE)) + 1))
    if waiting == 0 and running >= _FULL * current:
        return max(current, min(int(current * _GROWTH) + 1, allowed))
    return current


def _cache_tokens(labels: Mapping[str, str]) -> Optional[int]:
    told = labels.get("kv_cache_size_tokens", "")
    if told.isdigit():
        return int(told)
    blocks, size = labels.get("num_gpu_blocks", ""), labels.get("block_size", "")
    return int(blocks) * int(size) if blocks.isdigit() and size.isdigit() else None
