from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Seen
from eval_harness import SAMPLES, Evals, LoopbackServer, served_evals


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def calm_score(tmp_path_factory: pytest.TempPathFactory) -> float:
    folder = tmp_path_factory.mktemp("calm")
    server = LoopbackServer(folder)
    server.start()
    try:
        return float(Evals(folder, server).run("eval_run")["scores"][0]["score"])
    finally:
        server.stop()


PASSES = [
    pytest.param(
        {"kind": "status", "status": 503, "every": 5}, "responses", id="503",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="each fifth request is answered with 503, once",
            sees="160 of 160 measured, the score of a calm run",
            kept="each sample: it is asked again until it is answered, and has one row",
            next_run="finds it done",
        ),
    ),
    pytest.param(
        {"kind": "status", "status": 429, "retry_after": "0.2", "every": 2}, "chat_completions", id="429",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="each second request is answered with 429 and Retry-After",
            sees="160 of 160 measured, the score of a calm run",
            kept="each sample: it is asked again when the server wants it to be, and has one row",
            next_run="finds it done",
        ),
    ),
    pytest.param({"kind": "status", "status": 500, "every": 10, "times": 2}, "responses", id="500"),
    pytest.param(
        {"kind": "reset", "every": 2, "times": 3}, "chat_completions", id="reset",
        marks=pytest.mark.fault(
            kind="reset network", stage="evaluate", fault="each second request's connection is reset, three times",
            sees="160 of 160 measured, the score of a calm run",
            kept="each sample: it is asked again until it is answered, and has one row",
            next_run="finds it done",
        ),
    ),
    pytest.param(
        {"kind": "half", "every": 4}, "responses", id="half",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="each fourth reply is cut off in the middle",
            sees="160 of 160 measured, the score of a calm run",
            kept="each sample: half a reply is none, and it is asked again",
            next_run="finds it done",
        ),
    ),
    pytest.param(
        {"kind": "stall", "every": 20}, "chat_completions", id="stall",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="each twentieth reply never comes",
            sees="160 of 160 measured, the score of a calm run",
            kept="each sample: it is asked again after request_timeout, and has one row",
            next_run="finds it done",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "sampler"), PASSES)
def test_what_passes_does_not_change_the_score(
    evals: Evals, calm_score: float, fault: dict[str, Any], sampler: str, seen: Seen
) -> None:
    evals.server.set(fault=fault)
    (row,) = evals.run("eval_run", request_timeout=1, sampler=sampler)["scores"]
    assert (row["score"], row["n_measured"], row["verdict"]) == (calm_score, SAMPLES, None)
    seen(f"{row['n_measured']} of {SAMPLES} measured, the score of a calm run")
    assert evals.one_row_each()
    hit = evals.server.replies(fault["kind"])
    assert hit.total() > 4
    assert set(evals.server.replies().values()) == {1}


LASTS = [
    pytest.param(
        {"kind": "status", "status": 400, "every": 10, "times": 99}, "n_refused",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="the server refuses each tenth question with 400, always",
            sees="void: … refused",
            kept="each answer; what was refused is not counted as wrong",
            next_run="finds it done, and void as before: a refusal stays",
        ),
    ),
    pytest.param(
        {"kind": "status", "status": 503, "every": 40, "times": 999}, "n_errors",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="the server answers some questions with 503, always",
            sees="void: … error",
            kept="each answer; what was not answered is not counted as wrong",
            next_run="asks those again that had no answer",
        ),
    ),
    pytest.param(
        {"kind": "stall", "every": 40, "times": 999}, "n_timeouts",
        marks=pytest.mark.fault(
            kind="server fault", stage="evaluate", fault="the replies to some questions never come",
            sees="void: … timeout",
            kept="each answer; what was not answered is not counted as wrong",
            next_run="asks those again that had no answer",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "column"), LASTS)
def test_what_does_not_pass_is_not_measured(evals: Evals, fault: dict[str, Any], column: str, seen: Seen) -> None:
    evals.server.set(fault=fault, latency=0.02)
    options = {"request_timeout": 0.5, "retry_timeout": 0.2}
    first, second = evals.run_all("eval_run", [options, options])
    (row,) = first["scores"]
    assert row["verdict"] == "void"
    seen(f"{row['verdict']}: {row['reason']}")
    assert f"{row[column]} × " in row["reason"]
    assert row[column] == SAMPLES - row["n_measured"] > 0
    # A refusal stays; what may pass is asked again by the next run.
    assert second["changed"] is (column != "n_refused")
    assert second["scores"][0]["n_measured"] == row["n_measured"]
    evals.server.set(fault=None)
    (row,) = evals.run()["scores"]
    assert row["verdict"] == ("void" if column == "n_refused" else None)
    assert row["n_measured"] == (SAMPLES - row[column] if column == "n_refused" else SAMPLES)


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"concurrency": -1}, "concurrency is -1, wanted at least 1, or 0"),
    ({"tasks": ["gsm8k"]}, "unknown task(s) gsm8k, wanted some of gpqa, aime25, mmlu"),
    ({"reasoning_efforts": ["huge"]}, "value of reasoning_efforts must be one or more of: low, medium, high"),
    ({"tasks": ["aime25"]}, "data has no files for task aime25"),
    ({"data": {"gpqa": ["/nowhere.csv"]}}, "cannot read a data file of gpqa"),
    ({"data": {"gpqa": ["/etc/hosts"]}}, "/etc/hosts"),
    ({"data_sha256": {"gpqa": ["0" * 64]}}, "wanted sha256 0000"),
    ({"base_url": "http://127.0.0.1:9/v1"}, "wanted a running server at http://127.0.0.1:9/v1, found none"),
    ({"model": "other"}, "model other is not served at"),
    ({"api_key_file": "/nowhere"}, "/nowhere"),
    ({"model": None}, "missing: model"),
]


@pytest.mark.parametrize("module", ["eval", "eval_run"])
def test_bad_input_is_refused_before_anything_is_made(evals: Evals, module: str) -> None:
    results = evals.run_all(module, [options for options, _unused in BAD_INPUT])
    for result, (options, message) in zip(results, BAD_INPUT, strict=True):
        assert result["failed"] is True, options
        assert message in result["msg"], options
    assert not evals.run_folder.exists()
    assert not evals.server.replies()
