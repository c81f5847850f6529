# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: metrics, the counters that /metrics shows under vLLM's names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from simulator.answers import Generation
from simulator.work import Clock, Progress, Work

# The buckets of vLLM 0.22.1 and 0.32.0; those over tokens of a request end where the context does.
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
_FIRST_TOKEN = (*_FIRST, 160.0, 640.0, 2560.0)
_BETWEEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, *_FIRST[9:])
_SECONDS = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
_TOKENS = (
    *(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0),
    *(5000.0, 10000.0, 20000.0, 50000.0, 100000.0),
)
_ITERATION = (1.0, *(2.0**power for power in range(3, 15)))
_REASONS = ("stop", "length", "abort", "error", "repetition")
# What the capture of a small server said: kv_cache_size_tokens.
_KV_CACHE_TOKENS = 1342177


class Histogram:
    """A Prometheus histogram."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Add a value, or the same value several times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def copy(self) -> Histogram:
        """Return one that can go its own way."""
        other = Histogram(self._bounds)
        other._counts, other._sum = list(self._counts), self._sum
        return other

    def lines(self, name: str, labels: str) -> list[str]:
        """Return the exposition lines; buckets are cumulative."""
        total, lines = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts):
            total += count
            lines.append(f'{name}_bucket{{engine="0",le="{bound}",{labels}}} {float(total)}')
        rest = f'{{engine="0",{labels}}}'
        return [*lines, f"{name}_count{rest} {float(total)}", f"{name}_sum{rest} {self._sum}"]


class Metrics:
    """Live counters of one server. They stand still while the engine does."""

    def __init__(self, model: str, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self._works: set[Work] = set()
        self._prompt_tokens = 0
        self._generation_tokens = 0
        self._finished: Counter[str] = Counter()
        self._iterations = Histogram(_ITERATION)
        self._histograms = {
            "request_prompt_tokens": Histogram(_TOKENS),
            "request_generation_tokens": Histogram(_TOKENS),
            "time_to_first_token_seconds": Histogram(_FIRST_TOKEN),
            "inter_token_latency_seconds": Histogram(_BETWEEN),
            "e2e_request_latency_seconds": Histogram(_SECONDS),
            "request_prefill_time_seconds": Histogram(_SECONDS),
        }
        self._stopped_text = ""

    @property
    def running(self) -> int:
        """Return how many generations are in flight."""
        return len(self._works)

    def start(self, generation: Generation, prefill: float, seconds: float) -> Work:
        """Count a request in, that will take so long."""
        work = Work(generation, self._clock.now(), prefill, prefill + seconds)
        self._works.add(work)
        return work

    def finish(self, work: Work, sent: bool) -> None:
        """Count a request out; one that was not sent whole was aborted."""
        self._works.discard(work)
        generation, elapsed = work.generation, self._clock.now() - work.begun
        self._finished[generation.finish_reason if sent else "abort"] += 1
        tokens = max(1, generation.completion_tokens)
        done = Progress(0.0, generation.prompt_tokens, tokens) if sent else work.progress(self._clock.now())
        self._prompt_tokens += done.prompt_tokens
        self._generation_tokens += done.generation_tokens
        _iterate(self._iterations, done)
        if not sent:
            return
        pace = max(0.0, elapsed - work.prefill) / tokens
        self._histograms["request_prompt_tokens"].observe(generation.prompt_tokens)
        self._histograms["request_generation_tokens"].observe(tokens)
        self._histograms["e2e_request_latency_seconds"].observe(elapsed)
        self._histograms["request_prefill_time_seconds"].observe(work.prefill)
        self._histograms["time_to_first_token_seconds"].observe(work.prefill + pace)
        self._histograms["inter_token_latency_seconds"].observe(pace, tokens - 1)

    def stop(self) -> None:
        """Show from now on what there is now, whoever comes and goes: a stopped engine sends no news."""
        self._stopped_text = self._exposition()

    def go_on(self) -> None:
        """Be live again."""
        self._stopped_text = ""

    def exposition(self) -> str:
        """Return the text format that Prometheus scrapes."""
        return self._stopped_text or self._exposition()

    def _exposition(self) -> str:
        label = f'model_name="{self._model}"'
        plain = f'{{engine="0",{label}}}'
        lines = [
            *_block(
                "engine_sleep_state",
                "gauge",
                _labelled(label, "sleep_state", (("awake", 1), ("weights_offloaded", 0), ("discard_all", 0))),
            ),
            *self._tokens(plain, label),
            *_block("num_preemptions_total", "counter", [f"{plain} 0.0"]),
            *_block("request_success_total", "counter", [self._reason(reason, label) for reason in _REASONS]),
            "# TYPE vllm:cache_config_info gauge",
            'vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",gpu_memory_utilization="0.92"} 1.0',
        ]
        for name, histogram in self._histograms.items():
            lines += [f"# TYPE vllm:{name} histogram", *histogram.lines(f"vllm:{name}", label)]
        return "\n".join(lines) + "\n"

    def _tokens(self, plain: str, label: str) -> list[str]:
        """Return what moves while generations are in flight."""
        now = self._clock.now()
        flying = [work.progress(now) for work in self._works]
        prompt = self._prompt_tokens + sum(done.prompt_tokens for done in flying)
        tokens = self._generation_tokens + sum(done.generation_tokens for done in flying)
        usage = min(1.0, sum(done.computed + done.generation_tokens for done in flying) / _KV_CACHE_TOKENS)
        iterations = self._iterations.copy()
        for done in flying:
            _iterate(iterations, done)
        sources = (("local_compute", prompt), ("local_cache_hit", 0), ("external_kv_transfer", 0))
        return [
            *_block("num_requests_running", "gauge", [f"{plain} {float(len(flying))}"]),
            *_block("num_requests_waiting", "gauge", [f"{plain} 0.0"]),
            *_block(
                "num_requests_waiting_by_reason",
                "gauge",
                _labelled(label, "reason", (("capacity", 0), ("deferred", 0))),
            ),
            *_block("kv_cache_usage_perc", "gauge", [f"{plain} {usage}"]),
            *_block("prefix_cache_queries_total", "counter", [f"{plain} {float(prompt)}"]),
            *_block("prefix_cache_hits_total", "counter", [f"{plain} 0.0"]),
            *_block("prompt_tokens_total", "counter", [f"{plain} {float(prompt)}"]),
            *_block("prompt_tokens_by_source_total", "counter", _labelled(label, "source", sources)),
            *_block("prompt_tokens_cached_total", "counter", [f"{plain} 0.0"]),
            *_block("generation_tokens_total", "counter", [f"{plain} {float(tokens)}"]),
            "# TYPE vllm:iteration_tokens_total histogram",
            *iterations.lines("vllm:iteration_tokens_total", label),
        ]

    def _reason(self, reason: str, label: str) -> str:
        return f'{{engine="0",finished_reason="{reason}",{label}}} {float(self._finished[reason])}'


def _iterate(histogram: Histogram, done: Progress) -> None:
    """Add the steps of a generation: one with all of the prompt, one for each further token."""
    if done.generation_tokens:
        histogram.observe(done.prompt_tokens + 1)
        histogram.observe(1, done.generation_tokens - 1)


def _labelled(label: str, name: str, values: Iterable[tuple[str, float]]) -> list[str]:
    return [f'{{engine="0",{label},{name}="{text}"}} {float(value)}' for text, value in values]


def _block(name: str, kind: str, values: list[str]) -> list[str]:
    return [f"# TYPE vllm:{name} {kind}", *(f"vllm:{name}{value}" for value in values)]
