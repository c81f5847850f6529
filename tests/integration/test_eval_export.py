"""The samples of an eval in the forms of other tools, brought home by playbooks/evaluate.yml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from eval_harness import SAMPLES, Evals, LoopbackServer
from eval_playbook import Playbook, unchanged

FORMATS = ["jsonl", "lm_eval", "inspect", "gpt_oss_evals"]


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path)
    server.start()
    yield Evals(tmp_path, server)
    server.stop()


def test_all_forms_come_home_and_the_second_run_changes_nothing(evals: Evals, tmp_path: Path) -> None:
    playbook = Playbook(evals, {"evaluate_export": FORMATS, "evaluate_n_repeats": 4})
    output = playbook.run()
    (score,) = playbook.report()["scores"]
    home = tmp_path / "report" / "export" / "node1" / "one"
    assert sorted(path.name for path in home.iterdir()) == sorted(FORMATS), output
    (lines,) = (home / "jsonl").glob("*.jsonl")
    assert len(lines.read_text().splitlines()) == SAMPLES
    (results,) = (home / "lm_eval" / "test-model").glob("results_*.json")
    assert json.loads(results.read_text())["results"]["gpqa_low"]["exact_match,none"] == score["score"]
    (log,) = (home / "inspect").glob("*.json")
    assert json.loads(log.read_text())["results"]["scores"][0]["metrics"]["accuracy"]["value"] == score["score"]
    (document,) = (home / "gpt_oss_evals").glob("*_allresults.json")
    assert json.loads(document.read_text())["score"] == score["score"]
    assert unchanged(playbook.run())
