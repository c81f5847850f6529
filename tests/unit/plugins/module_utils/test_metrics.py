from __future__ import annotations

import math
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _metrics
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import (
    MetricsError,
    engine_counters,
    samples,
    total,
)

FIXTURES = Path(__file__).parent / "fixtures" / "metrics"
CAPTURES = [("0.22.1-h200", 277.0, 104.0, 104.0, 381.0), ("0.32.0-cpu", 737.0, 314.0, 314.0, 1051.0)]


def lines(*texts: str) -> str:
    return "\n".join(["# HELP vllm:x what", "# TYPE vllm:x gauge", "", *texts]) + "\n"


@pytest.mark.parametrize(("name", "prompt", "generated", "steps", "tokens"), CAPTURES)
def test_real_captures(name: str, prompt: float, generated: float, steps: float, tokens: float) -> None:
    text = (FIXTURES / f"{name}.txt").read_text()
    found = engine_counters(text)
    assert list(found) == ["0"]
    engine = found["0"]
    assert (engine.requests_running, engine.requests_waiting, engine.kv_cache_usage) == (0, 0, 0.0)
    assert (engine.prompt_tokens, engine.generation_tokens) == (prompt, generated)
    pulse = dict(engine.pulse)
    assert pulse["vllm:iteration_tokens_total_count"] == steps
    assert pulse["vllm:iteration_tokens_total_sum"] == tokens == prompt + generated
    # Today's names, all of them in both captures; the old ones in neither.
    old = {"vllm:gpu_cache_usage_perc", "vllm:gpu_prefix_cache_queries_total"}
    assert set(pulse) == set(_metrics.PULSE) - old
    whole = list(samples(text))
    assert len(whole) == sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    assert all(sample.labels["model_name"] == "openai/gpt-oss-20b" for sample in whole if "tokens" in sample.name)


SAMPLES = [
    ("a 1", "a", {}, 1.0),
    ("a_total 1.5e+09", "a_total", {}, 1.5e9),
    ("a:b 2 1395066363000", "a:b", {}, 2.0),
    ("a  {}  3", "a", {}, 3.0),
    ('a{x="1"} 4\r', "a", {"x": "1"}, 4.0),
    ('a{x="1",y="2",} 5', "a", {"x": "1", "y": "2"}, 5.0),
    ('a{ x = "1" , y = "2" } 6', "a", {"x": "1", "y": "2"}, 6.0),
    (r'a{x="C:\\DIR\\n",y="say \"hi\"\nbye"} 7', "a", {"x": r"C:\DIR\n", "y": 'say "hi"\nbye'}, 7.0),
    ('a{x="} 9,y=\\"{"} 8', "a", {"x": '} 9,y="{'}, 8.0),
    ("a{x=\"one\u2028two\x0b\"} 9", "a", {"x": "one\u2028two\x0b"}, 9.0),
    ("a -Inf", "a", {}, -math.inf),
    ("a +Inf", "a", {}, math.inf),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "labels", "value"), SAMPLES)
def test_a_sample(text: str, name: str, labels: dict[str, str], value: float) -> None:
    assert list(samples(lines(text))) == [(name, labels, value)]


def test_no_number_is_a_number() -> None:
    (sample,) = samples("a NaN")
    assert math.isnan(sample.value)


@pytest.mark.parametrize(
    "text", ["<html>", "a", 'a{x="1} 1', "a{x=1} 1", 'a{x="1" y="2"} 1', "a one", "a 1 2 3", '{"error": 1}', "a{} "]
)
def test_what_is_none_of_it(text: str) -> None:
    with pytest.raises(MetricsError, match="expected a line of Prometheus metrics"):
        list(samples(lines("a 1", text)))


def test_engines_of_one_server() -> None:
    found = engine_counters(
        lines(
            'vllm:num_requests_running{engine="0",model_name="m"} 2.0',
            'vllm:num_requests_running{engine="1",model_name="m"} 1.0',
            'vllm:num_requests_waiting{engine="1",model_name="m"} 4.0',
            'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25',
            'vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5',
            'vllm:generation_tokens_total{engine="0",model_name="m"} 10.0',
            'vllm:generation_tokens_total{engine="1",model_name="m"} 5.0',
            'vllm:request_success_total{engine="1",finished_reason="stop",model_name="m"} 1.0',
            'vllm:request_success_total{engine="1",finished_reason="length",model_name="m"} 2.0',
        )
    )
    assert [engine.requests for engine in found.values()] == [2, 5]
    assert dict(found["1"].pulse)["vllm:request_success_total"] == 3.0
    whole = total(found.values())
    assert (whole.requests_running, whole.requests_waiting, whole.generation_tokens) == (3, 4, 15.0)
    assert whole.kv_cache_usage == 0.5


def test_an_old_server_has_other_names_and_no_engine_number() -> None:
    text = lines(
        'vllm:num_requests_running{model_name="m"} 1.0',
        'vllm:gpu_cache_usage_perc{model_name="m"} 0.125',
        'vllm:generation_tokens_total{model_name="m"} 3.0',
    )
    engine = engine_counters(text)["0"]
    assert (engine.requests_running, engine.kv_cache_usage, engine.generation_tokens) == (1, 0.125, 3.0)


def test_a_server_that_counts_nothing() -> None:
    assert engine_counters(lines("process_open_fds 34.0", "python_info 1.0")) == {}


def test_no_number_does_not_move() -> None:
    text = lines('vllm:num_requests_running{engine="0"} NaN', 'vllm:kv_cache_usage_perc{engine="0"} NaN')
    first, second = engine_counters(text)["0"], engine_counters(text)["0"]
    assert first.pulse == second.pulse and first.requests_running == 0 and first.kv_cache_usage is None
