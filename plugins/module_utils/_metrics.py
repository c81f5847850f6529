# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: metrics - what vLLM's /metrics tells of its engines, read from the Prometheus text format.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text-based format).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
GENERATION_TOKENS = "vllm:generation_tokens_total"
PROMPT_TOKENS = "vllm:prompt_tokens_total"
# The first is today's name, the second that of vLLM 0.10 and older.
KV_CACHE_USAGE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
# What only a stepping engine moves. The API server's own counters are none of these: it lives while its engine hangs.
# During a chunked prefill that is alone nothing moves but the use of the KV cache: the counters of tokens and
# iterations move when a request has output (vllm/v1/engine/async_llm.py, output_handler, of vLLM 0.32.0), while the
# gauges are set at each step (vllm/v1/core/sched/scheduler.py, update_from_output).
PULSE = (
    RUNNING,
    WAITING,
    GENERATION_TOKENS,
    PROMPT_TOKENS,
    *KV_CACHE_USAGE,
    "vllm:iteration_tokens_total_count",
    "vllm:iteration_tokens_total_sum",
    "vllm:num_preemptions_total",
    "vllm:prefix_cache_queries_total",
    "vllm:gpu_prefix_cache_queries_total",
    "vllm:request_success_total",
)
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?:\{(.*)\})?[ \t]*(\S+)(?:[ \t]+-?\d+)?[ \t]*\r?")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")
_SHOWN = 80


class MetricsError(Exception):
    """The text is not in Prometheus' format."""


class Sample(NamedTuple):
    """One line: a metric's name with its labels, and its value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class EngineCounters:
    """What one engine tells; `pulse` holds everything that only the engine itself moves.

    `kv_cache_usage` is a fraction, None where it is not told.
    """

    requests_running: int
    requests_waiting: int
    generation_tokens: float
    prompt_tokens: float
    kv_cache_usage: Optional[float]
    pulse: tuple[tuple[str, Optional[float]], ...]

    @property
    def requests(self) -> int:
        """Return how many requests the engine has."""
        return self.requests_running + self.requests_waiting


def samples(text: str, names: Optional[Collection[str]] = None) -> Iterator[Sample]:
    """Yield the samples of a text, of these names only if any are given. Raises MetricsError."""
    for line in text.split("\n"):
        name = _NAME.match(line)
        if name is None and line.strip() and not line.lstrip().startswith("#"):
            raise MetricsError(f"expected a line of Prometheus metrics, got {line[:_SHOWN]!r}")
        if name and (names is None or name[0] in names):
            yield _sample(line)


def engine_counters(text: str) -> dict[str, EngineCounters]:
    """Return what each engine tells, by its number; nothing where the server counts nothing (--disable-log-stats).

    A server with data parallelism has an engine for each rank. Samples of one engine that differ in other labels, such
    as the reason of an end, are summed. Raises MetricsError.
    """
    sums: dict[str, dict[str, float]] = {}
    for sample in samples(text, PULSE):
        own = sums.setdefault(sample.labels.get("engine", "0"), {})
        own[sample.name] = own.get(sample.name, 0.0) + sample.value
    return {engine: _counters(own) for engine, own in sorted(sums.items()) if RUNNING in own}


def total(engines: Iterable[EngineCounters]) -> EngineCounters:
    """Return a server's engines as one: sums, and the fullest KV cache."""
    engines = list(engines)
    usages = [engine.kv_cache_usage for engine in engines if engine.kv_cache_usage is not None]
    return EngineCounters(
        sum(engine.requests_running for engine in engines),
        sum(engine.requests_waiting for engine in engines),
        sum(engine.generation_tokens for engine in engines),
        sum(engine.prompt_tokens for engine in engines),
        max(usages, default=None),
        tuple(pair for engine in engines for pair in engine.pulse),
    )


def _sample(line: str) -> Sample:
    match = _LINE.fullmatch(line)
    try:
        if match is None:
            raise ValueError
        return Sample(match[1], _labels(match[2] or ""), float(match[3]))
    except ValueError as exc:
        raise MetricsError(f"expected a line of Prometheus metrics, got {line[:_SHOWN]!r}") from exc


def _labels(text: str) -> dict[str, str]:
    labels, position = {}, 0
    while position < len(text.rstrip()):
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError
        labels[match[1]] = _ESCAPED.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], match[2])
        position = match.end()
    return labels


def _counters(values: Mapping[str, float]) -> EngineCounters:
    usage = next((values[name] for name in KV_CACHE_USAGE if name in values), math.nan)
    return EngineCounters(
        _whole(values[RUNNING]),
        _whole(values.get(WAITING, 0.0)),
        values.get(GENERATION_TOKENS, 0.0),
        values.get(PROMPT_TOKENS, 0.0),
        usage if math.isfinite(usage) else None,
        # NaN differs from itself: it would look as if it moved.
        tuple((name, value if math.isfinite(value) else None) for name, value in sorted(values.items())),
    )


def _whole(value: float) -> int:
    return int(value) if math.isfinite(value) else 0
