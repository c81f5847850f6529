from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._score_facts import compact
from conftest import Seen
from eval_harness import SAMPLES, Evals, served_evals, wait_for


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path, {"latency": 0.1}) as found:
        yield found


@pytest.mark.fault(
    kind="two controllers",
    stage="evaluate",
    fault="two controllers run the same eval at once",
    sees="failed=0",
    kept="one job, which both wait for: each sample is asked once",
    next_run="finds it done",
)
def test_two_at_once_share_one_job(evals: Evals, seen: Seen) -> None:
    first, second = evals.spawn("eval_run"), evals.spawn()
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert "failed=0" in outputs[0]
    assert "failed=0" in outputs[1]
    seen(" ".join(outputs[1].split()))
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}


@pytest.mark.fault(
    kind="two controllers",
    stage="evaluate",
    fault="another controller wants another eval of the same server",
    sees="another eval job of one is running … does not cover gpqa high",
    kept="the eval that runs",
    next_run="waits for the first and then runs its own",
)
def test_another_eval_of_the_same_server_waits_or_is_told(evals: Evals, seen: Seen) -> None:
    evals.server.set(hold=20)
    evals.run("eval_run", state="started")
    wait_for(lambda: evals.done() >= 12)
    refused = evals.run("eval_run", state="started", reasoning_efforts=["high"])
    assert "another eval job of one is running" in refused["msg"]
    assert "does not cover gpqa high" in refused["msg"]
    seen(refused["msg"])
    evals.server.set(hold=None)
    waited = evals.run("eval_run", reasoning_efforts=["high"])
    assert waited["scores"][0]["reasoning_effort"] == "high"
    assert len(list(evals.run_folder.glob("*.jsonl"))) == 2


def test_a_wait_may_be_limited(evals: Evals) -> None:
    evals.server.set(latency=1.0)
    for module in ("eval", "eval_run"):
        result = evals.run(module, timeout=0.5)
        assert "job runs on" in result["msg"]
    assert evals.status()["state"] == "running"


def test_scores_become_facts_and_a_second_run_finds_them(evals: Evals) -> None:
    evals.server.set(latency=0.3)
    first = evals.run(poll_interval=1)
    assert "[h1] one: gpqa low" in first["output"]
    assert f"/{SAMPLES}, score" in first["output"]
    assert first["changed"] is True
    assert first["facts"] == [compact(row) for row in first["scores"]]
    assert first["scores"][0]["registered"] > 0
    second = evals.run(poll_interval=1)
    assert "[h1] one" not in second["output"]
    assert second["changed"] is False
    assert comparable(second["scores"]) == comparable(first["scores"])
    assert second["scores"][0]["registered"] > first["scores"][0]["registered"]
    assert evals.server.replies().total() == SAMPLES


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "registered"} for row in rows]


def test_check_mode_tells_and_changes_nothing(evals: Evals) -> None:
    for module in ("eval", "eval_run"):
        planned = evals.run(module, ["--check"])
        assert planned["changed"] is True
        assert [(cell["n_samples"], cell["n_to_ask"]) for cell in planned["cells"]] == [(SAMPLES, SAMPLES)]
        assert planned["scores"] == []
        left = {"requests": SAMPLES, "tokens": 500 * SAMPLES, "seconds": None, "from": "guess"}
        assert planned["status"]["estimate"] == left
    assert not evals.run_folder.exists()
    evals.server.set(latency=0)
    real = evals.run()
    checked = evals.run("eval", ["--check"])
    assert checked["changed"] is False
    assert comparable(checked["scores"]) == comparable(real["scores"])
    assert set(planned) == set(checked) - {"ansible_facts"}
