"""The first repeats of an eval, scored by themselves, and the others after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eval_harness import QUESTIONS, REPEATS, SAMPLES, Evals, served_evals

pytestmark = pytest.mark.slow


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    with served_evals(tmp_path) as found:
        yield found


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what a second run of the same eval measures anew."""
    anew = {"started", "finished", "registered", "seconds", "latency", "tokens_per_second", "time_to_first_token"}
    return {name: value for name, value in row.items() if name not in {*anew, "journal"}}


def test_a_run_that_stops_after_some_repeats_goes_on_to_the_same_score(evals: Evals, tmp_path: Path) -> None:
    steps = [1, 3, 3, None, 1]
    results = evals.run_all("eval", [{"through_repeat": step, "concurrency": 1} for step in steps])
    assert [result["changed"] for result in results] == [True, True, False, True, False]
    assert evals.one_row_each()
    assert set(evals.server.replies().values()) == {1}
    first, third, _same, whole, first_again = (result["scores"][0] for result in results)
    assert [(row["through_repeat"], row["stopped"], row["n_samples"]) for row in (first, third, whole)] == [
        (1, True, QUESTIONS),
        (3, True, 3 * QUESTIONS),
        (REPEATS, False, SAMPLES),
    ]
    # Whoever decides after each repeat finds the same again.
    assert kept(first_again) == kept(first)
    asked = [row["repeat"] for row in evals.rows()]
    assert asked == sorted(asked)  # one at a time, all of a repeat before any of the next
    calm = tmp_path / "calm"
    calm.mkdir()
    evals.server.set(log=str(calm / "server.log"))
    (at_once,) = Evals(calm, evals.server).run()["scores"]
    assert kept(at_once) == {**kept(whole), "concurrency": 8}
