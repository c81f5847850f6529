"""What of the driver for real GPUs (tests/acceptance/gpu) can be tested without one."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import load
import pytest
from cdi import specification
from fat_binaries import Entry, containers, unwanted
from load import Look, bench_numbers, look, while_full, window
from record import Record, Step, StepFailed, expect
from turns import in_turns


def steps(done: list[str]) -> list[Step]:
    def step(name: str, error: Exception | None = None, needs: tuple[str, ...] = (), seconds: int = 1) -> Step:
        def run() -> Mapping[str, Any]:
            done.append(name)
            if error:
                raise error
            return {"by": name}

        return Step(name, run, seconds, needs)

    return [
        step("good"),
        step("bad", StepFailed("wanted 1, found 2")),
        step("broken", KeyError("x")),
        step("idle", needs=("bad",)),
        step("long", seconds=1000),
        step("last", needs=("good",)),
    ]


def test_a_step_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    ends: list[float] = []

    def call() -> tuple[list[str], dict[str, str]]:
        done: list[str] = []
        record = Record(tmp_path / "out", tmp_path / "memory.json", tmp_path / "logs", {"gpus": []})
        assert not record.run(steps(done), 100, 1, ends.append)
        document = json.loads((tmp_path / "out/results.json").read_text())
        return done, {row["name"]: row["state"] for row in document["steps"]}

    states = {"good": "ok", "bad": "failed", "broken": "failed", "idle": "skipped", "long": "skipped", "last": "ok"}
    assert call() == (["good", "bad", "broken", "last"], states)
    # A later call goes on with what was not well.
    assert call() == (["bad", "broken"], states)
    assert "wanted 1, found 2" in (tmp_path / "out/transcript.txt").read_text()


def test_what_vllm_bench_serve_prints() -> None:
    printed = (
        "Successful requests:                     512       \nRequest throughput (req/s):              26.18     \n"
    )
    assert bench_numbers(printed) == {"successful_requests": 512.0, "request_throughput_req_s": 26.18}


def test_the_window_of_an_eval_is_from_its_first_request_to_its_last_reply(tmp_path: Path) -> None:
    rows = [
        {"outcome": "truncated", "finished": 102.0, "seconds": 2.0, "completion_tokens": 5, "prompt_tokens": 7},
        {"event": "server_down"},
        {"outcome": "truncated", "finished": 104.0, "seconds": 1.0, "completion_tokens": 5, "prompt_tokens": 7},
    ]
    journal = tmp_path / "gpqa-low-1.jsonl"
    journal.write_text("".join(json.dumps(row) + "\n" for row in [{"identity": {}}, *rows]))
    found = window([journal])
    assert (found["requests"], found["seconds"], found["requests_per_second"]) == (2, 4.0, 0.5)
    assert (found["completion_tokens"], found["outcomes"]) == (10, {"truncated": 2})


def test_the_speed_of_a_server_is_that_while_it_has_nearly_all_requests() -> None:
    text = (
        "# HELP vllm:num_requests_running ...\n"
        'vllm:num_requests_running{engine="0",model_name="a b"} 7.0\n'
        'vllm:num_requests_waiting{engine="0"} 2.0\n'
        'vllm:num_requests_waiting_by_reason{engine="0",reason="x"} 2.0\n'
        'vllm:generation_tokens_total{engine="0"} 1.5e+03\n'
        'vllm:request_success_total{engine="0",finished_reason="stop"} 40.0\n'
        'vllm:request_success_total{engine="0",finished_reason="length"} 2.0\n'
    )
    assert look(text, 5.0) == Look(5.0, 9.0, 1500.0, 42.0)
    looks = [Look(*each) for each in ((0, 2, 0), (1, 9, 100), (2, 3, 200), (3, 10, 500), (4, 1, 520), (5, 1, 540))]
    assert while_full(looks, 10) == {"seconds": 2, "tokens_per_second": 200.0, "requests_under_way": 7.3}
    assert while_full(looks[:2], 10) == {}


def test_a_cdi_specification_names_each_gpu_and_all_of_them() -> None:
    found = specification([0, 3], "/driver")
    assert [device["name"] for device in found["devices"]] == ["0", "1", "all"]
    assert found["containerEdits"]["mounts"][0]["hostPath"] == "/driver"


def entry(kind: int, architecture: int, payload: bytes) -> bytes:
    return struct.pack("<HHIQIIHHI", kind, 0x101, 32, len(payload), 0, 0, 0, 0, architecture) + payload


BOTH = [Entry(2, 80, 0, 1), Entry(2, 90, 1, 2), Entry(1, 90, 2, 3)]


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        (BOTH, [(2, 90)]),
        (BOTH[:1], []),
        ([Entry(1, 80, 0, 1), Entry(1, 90, 1, 2), Entry(1, 100, 2, 3)], [(1, 90)]),
    ],
)
def test_code_for_other_chips_is_not_wanted(entries: list[Entry], kept: list[tuple[int, int]]) -> None:
    cut = unwanted(entries, 90)
    assert [(one.kind, one.architecture) for one in entries if one not in cut] == kept


def test_containers_of_gpu_code_are_found() -> None:
    body = entry(2, 80, b"12345678") + entry(1, 90, b"ptx.")
    code = b"\0" * 24 + struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body + b"\0" * 16
    (found,) = containers(code, 8, len(code) - 8)
    assert [(one.kind, one.architecture, code[one.start : one.end]) for one in found] == [
        (2, 80, b"12345678"),
        (1, 90, b"ptx."),
    ]


def test_two_clients_ask_in_turn_and_each_goes_first_as_often() -> None:
    asked: list[str] = []

    def ask(who: str, speeds: list[float]) -> Any:
        def once(number: int) -> dict[str, Any]:
            asked.append(f"{who} {number}")
            return {"while_full": {"tokens_per_second": speeds[number - 1]} if speeds[number - 1] else {}}

        return once

    found = in_turns(ask("client", [90.0, 99.0, 10.0]), ask("bench", [100.0, 120.0, 80.0]), 3)
    assert asked == ["bench 1", "client 1", "client 2", "bench 2", "bench 3", "client 3"]
    assert (found["client over bench"], found["client 3"]["while_full"]) == (0.9, {"tokens_per_second": 10.0})
    # 0.9, 0.825 and 0.125: their mean's standard error is their standard deviation over the root of three.
    assert (found["of each turn"], found["standard error"]) == ([0.9, 0.825, 0.125], 0.2468)
    assert found["mean of the turns"] == 0.6167
    with pytest.raises(StepFailed, match="none in turn 2 of the bench"):
        in_turns(ask("client", [90.0, 99.0]), ask("bench", [100.0, 0.0]), 2)


def test_turns_that_ended_well_are_kept_for_a_further_call(tmp_path: Path) -> None:
    asked: list[str] = []
    fails = {"client 2"}

    def ask(who: str) -> Any:
        def once(number: int) -> dict[str, Any]:
            asked.append(f"{who} {number}")
            expect(asked[-1] not in fails, "cut off")
            return {"while_full": {"tokens_per_second": 100.0 * number}}

        return once

    with pytest.raises(StepFailed, match="cut off"):
        in_turns(ask("client"), ask("bench"), 2, tmp_path / "turns.json")
    fails.clear()
    found = in_turns(ask("client"), ask("bench"), 2, tmp_path / "turns.json")
    assert asked == ["bench 1", "client 1", "client 2", "client 2", "bench 2"]
    assert found["tokens per second"] == {"client": [100.0, 200.0], "bench": [100.0, 200.0]}


@pytest.mark.parametrize(
    ("busy", "seconds", "said"),
    [([128.0, 3.0, 0.0], 60.0, ""), ([0.0], 0.0, ""), ([5.0, 5.0], 0.0, "wanted a server without requests, found 5")],
)
def test_a_server_at_work_is_waited_for(
    busy: list[float], seconds: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(busy)
    monkeypatch.setattr(load, "look_at", lambda port: load.Look(0.0, next(left), 0.0))
    with pytest.raises(StepFailed, match=said) if said else contextlib.nullcontext():
        load.until_idle(8000, seconds)
    assert next(left, None) == (5.0 if said else None)


@pytest.mark.parametrize(
    ("requests", "said"), [(30, ""), (15, "wanted 15 replies by the server's own counters, found 30")]
)
def test_requests_of_somebody_else_are_noticed(requests: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([load.Look(0.0, 0.0, 0.0, 12.0), load.Look(1.0, 0.0, 0.0, 42.0), load.Look(1.0, 0.0, 0.0, 42.0)])
    monkeypatch.setattr(load, "look_at", lambda port: next(looks))
    with pytest.raises(StepFailed, match=said) if said else contextlib.nullcontext(), load.asked_alone(8000, requests):
        pass
