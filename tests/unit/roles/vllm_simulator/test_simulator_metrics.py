from __future__ import annotations

import re
from pathlib import Path

import pytest
from simulator import work as work_module
from simulator.answers import Generation
from simulator.metrics import Metrics
from simulator.work import Clock, Work

CAPTURE = Path(__file__).parents[2] / "plugins" / "module_utils" / "fixtures" / "metrics" / "0.32.0-cpu.txt"
MODEL = "openai/gpt-oss-20b"
GENERATION = Generation(["so"], "Paris", 100, 11)
KV_TOKENS = 1342177


class Time:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    own = Time()
    monkeypatch.setattr(work_module, "time", own)
    return own


def value(metrics: Metrics, name: str) -> float:
    """Return a metric that has one sample."""
    (found,) = re.findall(rf"^vllm:{name}{{.*}} (.*)$", metrics.exposition(), re.MULTILINE)
    return float(found)


def shapes(text: str) -> set[str]:
    """Return the samples' names and labels, without what is one server's own."""
    bare = re.findall(r"^(vllm:[^ ]+) ", text, re.MULTILINE)
    return {re.sub(r'(le|model_name)="[^"]*"', r"\1", line) for line in bare if "cache_config_info" not in line}


def test_names_and_labels_are_vllms(time: Time) -> None:
    real = shapes(CAPTURE.read_text())
    metrics = Metrics(MODEL, Clock())
    metrics.finish(metrics.start(GENERATION, 0.0, 1.0), True)
    assert shapes(metrics.exposition()) <= real
    assert re.search(r'le="7680.0"', metrics.exposition())


# Seconds since the begin; the cache's tokens, prompt and generation tokens that are counted then.
PROGRESS = [
    (0.0, 0, 0, 0),
    (1.0, 50, 0, 0),
    (1.9, 95, 0, 0),
    (2.0, 101, 100, 1),
    (7.0, 106, 100, 6),
    (30.0, 111, 100, 11),
]


@pytest.mark.parametrize(("seconds", "cache", "prompt", "tokens"), PROGRESS)
def test_a_generation_moves_the_counters(time: Time, seconds: float, cache: float, prompt: int, tokens: int) -> None:
    metrics = Metrics(MODEL, Clock())
    metrics.start(GENERATION, 2.0, 10.0)
    time.seconds += seconds
    assert value(metrics, "num_requests_running") == 1
    assert value(metrics, "kv_cache_usage_perc") * KV_TOKENS == pytest.approx(cache)
    assert (value(metrics, "prompt_tokens_total"), value(metrics, "generation_tokens_total")) == (prompt, tokens)
    assert value(metrics, "iteration_tokens_total_count") == tokens
    assert value(metrics, "iteration_tokens_total_sum") == prompt + tokens


def test_what_ended_stays_counted(time: Time) -> None:
    metrics = Metrics(MODEL, Clock())
    whole, aborted, early = (metrics.start(GENERATION, 2.0, 10.0) for _unused in range(3))
    time.seconds += 1.0
    metrics.finish(early, False)
    time.seconds += 6.0
    metrics.finish(aborted, False)
    time.seconds += 5.0
    metrics.finish(whole, True)
    assert (value(metrics, "num_requests_running"), value(metrics, "kv_cache_usage_perc")) == (0, 0)
    assert (value(metrics, "prompt_tokens_total"), value(metrics, "generation_tokens_total")) == (200, 17)
    assert value(metrics, "e2e_request_latency_seconds_sum") == 12.0
    assert value(metrics, "time_to_first_token_seconds_sum") == pytest.approx(2.0 + 10 / 11)
    assert 'finished_reason="abort",model_name="openai/gpt-oss-20b"} 2.0' in metrics.exposition()


def test_nothing_moves_while_the_engine_is_stopped(time: Time) -> None:
    clock = Clock()
    metrics = Metrics(MODEL, clock)
    running = metrics.start(GENERATION, 0.0, 10.0)
    time.seconds += 5.0
    clock.stop()
    metrics.stop()
    before = metrics.exposition()
    time.seconds += 50.0
    late = metrics.start(GENERATION, 0.0, 10.0)
    metrics.finish(metrics.start(GENERATION, 0.0, 10.0), False)
    assert metrics.exposition() == before and value(metrics, "num_requests_running") == 1
    clock.go_on()
    metrics.go_on()
    assert value(metrics, "num_requests_running") == 2
    assert running.progress(clock.now()).generation_tokens == 6 and late.progress(clock.now()).generation_tokens == 1


def test_works_of_the_same_kind_are_two() -> None:
    assert len({Work(GENERATION, 0.0, 0.0, 0.0), Work(GENERATION, 0.0, 0.0, 0.0)}) == 2
