from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import MARKERS, STAGE_TIMEOUTS, STAGES

# Lines as vLLM 0.22.1 (H200) and 0.32.0 (CPU) printed them, shortened.
LINES = [
    ("(APIServer pid=1) INFO 11-22 15:24:58 [utils.py:278] non-default args: {'model_tag': 'm'}", "api_process"),
    ("(APIServer pid=1) INFO 11-22 15:25:10 [model.py:617] Resolved architecture: GptOssForCausalLM", "api_process"),
    ("(EngineCore pid=153) INFO 11-22 15:25:24 [core.py:112] Initializing a V1 LLM engine (v0.22.1)", "engine"),
    ("(EngineCore pid=7) INFO 11-23 00:52:02 [pynccl.py:111] vLLM is using nccl==2.28.9", "engine"),
    ("(EngineCore pid=153) INFO 11-22 15:25:26 [gpu_model_runner.py:5037] Starting to load model /m...", "weights"),
    ("Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:00<00:00,  9.93it/s]", "weights"),
    ("(EngineCore pid=153) INFO [gpu_model_runner.py:5132] Model loading took 13.58 GiB memory", "weights"),
    ("(EngineCore pid=153) INFO [backends.py:1089] Using cache directory: /root/.cache/vllm", "compile"),
    ("(EngineCore pid=153) INFO [backends.py:1148] Dynamo bytecode transform time: 4.76 s", "compile"),
    ("(EngineCore pid=153) INFO [monitor.py:53] torch.compile took 15.14 s in total", "compile"),
    ("INFO 08-11 [monitor.py:34] torch.compile takes 15.14 s in total", "compile"),
    ("(Worker pid=25244) INFO [cpu_model_runner.py:87] Warming up model for the compilation...", "compile"),
    ("(EngineCore pid=153) INFO [gpu_worker.py:466] Available KV cache memory: 111.36 GiB", "graphs"),
    ("(EngineCore pid=24578) INFO [kv_cache_utils.py:2327] CPU KV cache size: 1,342,177 tokens", "graphs"),
    ("(EngineCore pid=153) Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):   0%|", "graphs"),
    ("(APIServer pid=1) INFO:     Application startup complete.", "listening"),
    ("(APIServer pid=1) INFO:     Waiting for application startup.", None),
    ("", None),
]


@pytest.mark.parametrize(("line", "stage"), LINES, ids=[row[0][-30:] for row in LINES])
def test_stage_of_a_line(line: str, stage: str | None) -> None:
    assert _stages.stage_of(line) == stage


def test_every_marker_names_a_known_stage() -> None:
    assert {marker.stage for marker in MARKERS} <= set(STAGES)


def test_seconds_count_from_the_start_and_earlier_runs_do_not() -> None:
    start = _stages.epoch("2026-11-22T15:24:43.5Z")
    assert start is not None
    lines = [
        "2026-11-22T15:00:00.0Z Starting to load model of an earlier run",
        "2026-11-22T15:24:44.0Z non-default args: {}",
        "2026-11-22T15:24:50.123456789Z Starting to load model m...",
        "2026-11-22T15:24:52.0Z Loading weights took 1 s",
        "no timestamp Application startup complete.",
    ]
    found = _stages.entered(lines, start)
    assert found == {"api_process": 0.5, "weights": 6.623}
    assert _stages.last_of(found) == "weights"
    assert _stages.last_of({}) == "created"


def test_order() -> None:
    mixed = {"healthy": 3.0, "created": 0.0, "engine": 1.0}
    assert list(_stages.in_order(mixed)) == ["created", "engine", "healthy"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.250000000Z", 1.25),
        ("1970-01-01T01:00:01.5+01:00", 1.5),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        ("2026-13-22T15:24:43Z", None),
        ("2026-11-22T15:24:43+99:00", None),
    ],
)
def test_epoch(text: str, seconds: float | None) -> None:
    assert _stages.epoch(text) == seconds


def test_iso() -> None:
    assert _stages.iso("2026-11-22T16:24:43.999+01:00") == "2026-11-22T15:24:43Z"
    assert _stages.iso("0001-01-01T00:00:00Z") is None


def test_without_timestamp() -> None:
    assert _stages.without_timestamp("2026-11-22T15:24:44.0Z a b") == "a b"
    assert _stages.without_timestamp("a b") == "a b"


COUNTED = [
    (
        "Loading safetensors checkpoint shards:  47% Completed | 7/15 [00:12<00:14,  1.73s/it]",
        ("weights", 7, 15, "shards"),
    ),
    (
        "(EngineCore pid=153) Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):   2%|▏     | 2/83 [00:00<00:07]",
        ("graphs", 2, 83, "graphs"),
    ),
    ("Loading pt checkpoint shards: 100% Completed | 3/3 [00:01<00:00,  9.93it/s]", ("weights", 3, 3, "shards")),
    (
        "(EngineCore pid=153) INFO [default_loader.py:501] Loading weights took 0.11 seconds",
        ("weights", None, None, None),
    ),
]


@pytest.mark.parametrize(("line", "expected"), COUNTED, ids=[row[0][:40] for row in COUNTED])
def test_what_is_counted_within_a_stage(line: str, expected: tuple[object, ...]) -> None:
    tracker = _stages.Tracker({"created": 100.0})
    tracker.read(line, 104.0)
    progress = tracker.progress(107.25)
    assert tuple(progress.get(key) for key in ("stage", "done", "total", "unit")) == expected
    assert (progress["stage_seconds"], progress["seconds"], progress["last_line"]) == (3.2, 7.2, line)


def test_a_count_ends_with_its_stage_and_a_stage_does_not_come_back() -> None:
    tracker = _stages.Tracker({"created": 0.0})
    for at, line in enumerate(
        [
            "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:12<00:14,  1.73s/it]",
            "Dynamo bytecode transform time: 4.76 s",
            "",
            "Loading safetensors checkpoint shards: 100% Completed | 2/2 [00:12<00:14,  1.73s/it]",
        ]
    ):
        tracker.read(line, float(at))
    assert tracker.entered == {"created": 0.0, "weights": 0.0, "compile": 1.0}
    assert tracker.stage == "compile"


def test_durations() -> None:
    entered = {"created": 0.0, "api_process": 9.0, "weights": 20.0, "listening": 60.0}
    passed = {"healthy": 60.5, "model_listed": 60.6, "first_completion": 62.0}
    assert _stages.durations({**passed, **entered}) == {
        "created": 9.0,
        "api_process": 11.0,
        "weights": 40.0,
        "healthy": 0.5,
        "model_listed": 0.1,
        "first_completion": 1.4,
    }
    assert _stages.durations({"created": 0.0}) == {}


def test_each_stage_that_lasts_has_a_limit() -> None:
    assert set(STAGE_TIMEOUTS) == set(STAGES) - {"first_completion"}
