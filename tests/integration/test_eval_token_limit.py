"""The limit of a reply's tokens: as the reference sends it, unless the server refuses that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eval_harness import SAMPLES, Evals, served_evals, wait_for


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path) as found:
        yield found


@pytest.mark.parametrize("sampler", ["responses", "chat_completions"])
def test_a_limit_that_is_refused_is_fitted(evals: Evals, sampler: str) -> None:
    asked = {"state": "probed", "sampler": sampler}
    taken, planned = evals.run_all("eval_run", [asked])[0], evals.run("eval_run", ["--check"], **asked)
    assert taken["changed"] is False
    assert taken["token_limit"] == {"wanted": 131072, "sent": 131072, "reason": "", "prompt_tokens": None}
    assert planned["token_limit"] is None
    assert evals.server.replies().total() == 0  # no reply was waited for
    evals.server.set(context=4096)
    fitted = evals.run("eval_run", **asked)["token_limit"]
    assert (fitted["sent"], fitted["prompt_tokens"]) == (4096 - 60 - 64, 60)
    assert "cannot be greater than max_model_len=4096" in fitted["reason"]
    (row,) = evals.run(sampler=sampler, max_tokens=fitted["sent"], max_tokens_fitted_from=131072)["scores"]
    assert (row["n_measured"], row["max_tokens"], row["max_tokens_fitted_from"]) == (SAMPLES, 3972, 131072)


def test_a_limit_that_all_requests_fail_with_ends_the_eval_at_once(evals: Evals) -> None:
    evals.server.set(context=4096)
    failure = evals.run()
    assert "refuses this eval's requests (16 of 16): HTTP 400: max_tokens=131072 cannot be greater" in failure["msg"]
    assert evals.server.replies("400").total() < 40 < SAMPLES
    evals.server.set(context=None)
    assert evals.run()["scores"][0]["n_measured"] == SAMPLES


def test_a_running_job_tells_its_own_limit(evals: Evals) -> None:
    evals.server.set(hold=20)
    evals.run("eval_run", state="started", max_tokens=5000)
    wait_for(lambda: evals.done() >= 20)
    assert evals.run("eval_run", state="probed")["token_limit"]["sent"] == 5000
