from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import (
    Capacity,
    Logged,
    adjusted,
    capacity_of,
    first_guess,
    logged,
    most,
    preemptions,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters

METRICS = Path(__file__).parent / "fixtures" / "metrics"


@pytest.mark.parametrize(
    ("arguments", "seats"),
    [
        ([], None),
        (["m", "--max-num-seqs", "64"], 64),
        (["m", "--max-num-seqs=64", "--port", "1"], 64),
        (["--max-num-seqs", "64", "--max-num-seqs", "32"], 32),
        (["--max-num-seqs"], None),
        (["--max-num-seqs", "many"], None),
    ],
)
def test_seats_are_told_by_the_arguments(arguments: list[str], seats: int | None) -> None:
    assert capacity_of(arguments, None) == Capacity(seats, None)


@pytest.mark.parametrize(("file", "tokens"), [("0.32.0-cpu.txt", 1342177), ("0.22.1-h200.txt", 304083 * 16)])
def test_the_kv_cache_is_told_by_real_metrics(file: str, tokens: int) -> None:
    text = (METRICS / file).read_text()
    assert capacity_of(["--max-num-seqs", "8"], text) == Capacity(8, tokens)
    assert preemptions(text) == 0.0


def test_a_server_of_two_engines_has_the_room_of_both() -> None:
    line = 'vllm:cache_config_info{engine="%d",kv_cache_size_tokens="100",num_gpu_blocks="9",block_size="16"} 1.0\n'
    assert capacity_of(["--max-num-seqs", "8"], line % 0 + line % 1) == Capacity(16, 200)
    assert capacity_of([], "garbage{") == Capacity(None, None)


_LINE = (
    "2026-11-22T15:25:59.1Z (EngineCore%s) INFO 11-22 15:25:59 [kv_cache_utils.py:1733] GPU KV cache size: %s tokens"
)


@pytest.mark.parametrize(
    ("log", "tokens"),
    [
        ("engine_died-worker.log", 1342177),  # captured of vLLM 0.32.0 on a CPU
        ([_LINE % (" pid=103", "4,591,807")] * 2, 4591807),  # and of 0.22.1 on an H200, restarted
        ([_LINE % ("_DP0 pid=1", "1,000"), _LINE % ("_DP1 pid=2", "2,000"), _LINE % ("_DP1 pid=2", "2,000")], 3000),
        (["INFO [kv_cache_utils.py:1] GPU KV cache size: 77 tokens"], 77),
        (["To maintain the same effective KV cache size as before, increase it"], None),
    ],
)
def test_the_kv_cache_is_told_by_the_log(log: str | list[str], tokens: int | None) -> None:
    lines = (METRICS.parent / "logs" / log).read_text().splitlines() if isinstance(log, str) else log
    assert logged(lines) == Logged(tokens)
    assert capacity_of([], None, Logged(tokens)) == Capacity(None, tokens)
    told = (METRICS / "0.32.0-cpu.txt").read_text()
    assert capacity_of([], told, Logged(5)).kv_tokens == 1342177  # the metrics come first


# Shortened from what vLLM 0.22.1 logged on an H200, and 0.32.0 on a CPU.
_GRAPHS = (
    "(EngineCore pid=153) INFO 11-22 15:25:24 [core.py:112] Initializing a V1 LLM engine (v%s) with config: "
    "model='m', compilation_config={'mode': <CompilationMode.%s>, 'cudagraph_mode': <CUDAGraphMode.%s>, "
    "'cudagraph_capture_sizes': [%s], 'pass_config': {'fuse_act_padding': False}, 'max_cudagraph_capture_size': %s, "
    "'local_cache_dir': None}"
)
_CAPTURED = ("VLLM_COMPILE: 3", "FULL_AND_PIECEWISE: (2, 1)")


@pytest.mark.parametrize(
    ("lines", "found", "in_graphs"),
    [
        ([_GRAPHS % ("0.22.1", *_CAPTURED, "1, 1024", "1024"), _LINE % (" pid=1", "4,591")], (4591, 1024), 768),
        ([_GRAPHS % ("0.22.1", *_CAPTURED, "1, 512", "512")] * 2, (None, 512), 384),
        # Smaller ones say nothing: a step without a graph may be faster than so few requests.
        ([_GRAPHS % ("0.22.1", *_CAPTURED, "1, 128", "128")], (None, 128), None),
        ([_GRAPHS % ("0.22.1", "NONE: 0", "NONE: 0", "", "0")], (None, None), None),
        ([_GRAPHS % ("0.32.0", "NONE: 0", "NONE: 0", "", "1024")], (None, None), None),
        ([_GRAPHS % ("0.32.0", *_CAPTURED, "", "None")], (None, None), None),
    ],
    ids=["of gpt-oss", "512, restarted", "short", "eager", "eager, its size left in", "unknown"],
)
def test_the_graphs_are_told_by_the_log(
    lines: list[str], found: tuple[int | None, int | None], in_graphs: int | None
) -> None:
    assert logged(lines) == found
    assert capacity_of([], None, logged(lines)).in_graphs == in_graphs


@pytest.mark.parametrize(
    ("capacity", "allowed", "then"),
    [
        (Capacity(), 1584, 1584),
        (Capacity(in_graphs=768), 1584, 768),  # it may take 1,024 at once: it was not told
        (Capacity(seats=1024, in_graphs=768), 1584, 768),
        (Capacity(seats=1024, in_graphs=768), 500, 500),
        # A server that takes no more than its graphs hold is given a few more, which wait.
        (Capacity(seats=768, in_graphs=768), 1584, 1584),
        (Capacity(seats=2048, in_graphs=1536), 1584, 1536),
    ],
)
def test_no_more_are_sent_than_graphs_hold_where_there_are_more_seats(
    capacity: Capacity, allowed: int, then: int
) -> None:
    assert most(capacity, allowed) == then


def test_each_engine_has_graphs_of_its_own() -> None:
    two = 'vllm:cache_config_info{engine="0",num_gpu_blocks="9",block_size="16"} 1.0\n' * 2
    assert capacity_of([], two, Logged(None, 1024)).in_graphs == 1536


@pytest.mark.parametrize(
    ("capacity", "expected", "waiting", "allowed", "guess"),
    [
        (Capacity(), 500.0, 1584, 1584, 144),
        (Capacity(seats=256), 500.0, 1584, 1584, 288),
        (Capacity(seats=256), 500.0, 100, 1584, 100),
        (Capacity(seats=256), 500.0, 1584, 200, 200),
        (Capacity(seats=256, kv_tokens=83000), 8000.0, 1584, 1584, 10),
        (Capacity(kv_tokens=1000), 8000.0, 1584, 1584, 8),
        (Capacity(seats=4000), 500.0, 9000, 1584, 1584),
    ],
)
def test_the_first_guess(capacity: Capacity, expected: float, waiting: int, allowed: int, guess: int) -> None:
    assert first_guess(capacity, expected, waiting, allowed) == guess


@pytest.mark.parametrize(
    ("current", "running", "waiting", "usage", "preempted", "then"),
    [
        (128, 128, 0, 0.3, False, 161),  # all run: there may be room for more
        (128, 128, 0, None, False, 161),
        (128, 100, 0, 0.3, False, 128),  # the tail, or the client is slow
        (1500, 1500, 0, 0.3, False, 1584),
        (144, 128, 16, 0.3, False, 144),  # as it should be
        (300, 128, 172, 0.3, False, 145),  # they only wait
        (128, 128, 0, 0.97, False, 115),  # the cache is full
        (128, 100, 28, 0.9, True, 112),
        (9, 1, 8, 0.99, True, 8),
    ],
)
def test_the_number_follows_the_server(
    current: int, running: int, waiting: int, usage: float | None, preempted: bool, then: int
) -> None:
    assert adjusted(current, EngineCounters(running, waiting, 0.0, 0.0, usage, ()), preempted) == then
