# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: metrics, the counters that /metrics shows under vLLM's names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from simulator.answers import Generation

_SECONDS = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
    20.0,
    40.0,
    80.0,
)
_REASONS = ("stop", "length", "abort", "error", "repetition")


class Histogram:
    """A Prometheus histogram over seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Add a value, or the same value several times."""
        self._counts[bisect_left(_SECONDS, value)] += times
        self._sum += value * times

    def lines(self, name: str, labels: str) -> list[str]:
        """Return the exposition lines; buckets are cumulative."""
        total, lines = 0, []
        for bound, count in zip([*map(str, _SECONDS), "+Inf"], self._counts):
            total += count
            lines.append(f'{name}_bucket{{engine="0",le="{bound}",{labels}}} {float(total)}')
        rest = f'{{engine="0",{labels}}}'
        return [*lines, f"{name}_count{rest} {float(total)}", f"{name}_sum{rest} {self._sum}"]


class Metrics:
    """Live counters of one server."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.running = 0
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.finished: Counter[str] = Counter()
        self._first = Histogram()
        self._between = Histogram()
        self._whole = Histogram()

    def start(self) -> None:
        """Count a request in."""
        self.running += 1

    def finish(self, generation: Generation | None, seconds: float) -> None:
        """Count a request out; without a generation it was aborted."""
        self.running -= 1
        self.finished["abort" if generation is None else generation.finish_reason] += 1
        if generation is None:
            return
        tokens = max(1, generation.completion_tokens)
        self.prompt_tokens += generation.prompt_tokens
        self.generation_tokens += generation.completion_tokens
        self._whole.observe(seconds)
        self._first.observe(seconds / tokens)
        self._between.observe(seconds / tokens, tokens - 1)

    def exposition(self) -> str:
        """Return the text format that Prometheus scrapes."""
        label = f'model_name="{self._model}"'
        plain = f'engine="0",{label}'
        awake = (("awake", 1.0), ("weights_offloaded", 0.0), ("discard_all", 0.0))
        config = (
            f'vllm:cache_config_info{{block_size="16",cache_dtype="auto",gpu_memory_utilization="0.92",{plain}}} 1.0'
        )
        lines = [
            *_block("num_requests_running", "gauge", [f"{{{plain}}} {float(self.running)}"]),
            *_block("num_requests_waiting", "gauge", [f"{{{plain}}} 0.0"]),
            *_block(
                "engine_sleep_state", "gauge", [f'{{{plain},sleep_state="{name}"}} {value}' for name, value in awake]
            ),
            *_block("kv_cache_usage_perc", "gauge", [f"{{{plain}}} {min(1.0, self.running / 1024)}"]),
            *_block("num_preemptions_total", "counter", [f"{{{plain}}} 0.0"]),
            *_block("prompt_tokens_total", "counter", [f"{{{plain}}} {float(self.prompt_tokens)}"]),
            *_block("generation_tokens_total", "counter", [f"{{{plain}}} {float(self.generation_tokens)}"]),
            *_block("request_success_total", "counter", [self._reason(reason, label) for reason in _REASONS]),
            "# TYPE vllm:cache_config_info gauge",
            config,
        ]
        histograms = (
            ("time_to_first_token_seconds", self._first),
            ("inter_token_latency_seconds", self._between),
            ("e2e_request_latency_seconds", self._whole),
        )
        for name, histogram in histograms:
            lines += [f"# TYPE vllm:{name} histogram", *histogram.lines(f"vllm:{name}", label)]
        return "\n".join(lines) + "\n"

    def _reason(self, reason: str, label: str) -> str:
        return f'{{engine="0",finished_reason="{reason}",{label}}} {float(self.finished[reason])}'


def _block(name: str, kind: str, values: list[str]) -> list[str]:
    return [f"# TYPE vllm:{name} {kind}", *(f"vllm:{name}{value}" for value in values)]
