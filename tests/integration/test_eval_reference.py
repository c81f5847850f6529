"""gpt_oss.evals itself, run by eval_reference against a loopback server, and its files taken as scores."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eval_harness import QUESTIONS, ROOT, Evals, LoopbackServer, wait_for
from eval_playbook import Playbook, unchanged

# Made by tools/reference.sh, which `make differential` calls.
PYTHON = ROOT / ".venv-reference" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-reference: 'make differential' makes it")
SAMPLES = 8 * QUESTIONS
# The harness's command line has no such options.
NOT_THERE = {"n_repeats": None, "retry_timeout": None}


@pytest.fixture
def evals(tmp_path: Path) -> Iterator[Evals]:
    server = LoopbackServer(tmp_path)
    server.start()
    made = Evals(tmp_path, server, {**NOT_THERE, "python": str(PYTHON)})
    yield made
    made.run("eval_reference", state="stopped")
    server.stop()


def status(evals: Evals) -> dict[str, Any]:
    try:
        found = json.loads((evals.run_folder / "reference" / "status.json").read_text())
    except FileNotFoundError:
        return {}
    assert isinstance(found, dict)
    return found


def test_its_scores_are_facts_and_found_done_the_second_time(evals: Evals) -> None:
    planned = evals.run("eval_reference", flags=["--check"])
    assert (planned["changed"], planned["scores"]) == (True, [])
    assert [cell["n_to_ask"] for cell in planned["cells"]] == [SAMPLES]
    done = evals.run("eval_reference")
    (row,) = done["facts"]
    assert done["changed"]
    assert (row["engine"], row["n_samples"], row["verdict"], row["reason"]) == ("reference", SAMPLES, None, "")
    (short,) = Path(row["journal"]).parent.glob("*[0-9].json")
    assert row["score"] == json.loads(short.read_text())["score"]
    assert row["started"] <= row["finished"] and row["seconds"] > 0
    again = evals.run("eval_reference")
    assert (again["changed"], again["facts"][0]["score"]) == (False, row["score"])
    assert sum(evals.server.replies().values()) == SAMPLES

    # The same file, taken over as a host's score.
    taken = evals.run_all(
        "eval_import",
        [{**dict.fromkeys(evals.options), "server": "other", "paths": [row["journal"]], "data": evals.options["data"]}],
    )[0]
    (other,) = taken["facts"]
    assert not taken["changed"]
    assert (other["server"], other["model"], other["task"]) == ("other", "test-model", "gpqa")
    assert (other["score"], other["outcomes"]) == (row["score"], row["outcomes"])


@pytest.mark.slow
def test_its_score_is_our_own_clients(evals: Evals) -> None:
    # The reply depends on the prompt alone where the request has no id, as the harness sends none.
    evals.server.set(by_prompt=True)
    theirs = evals.run("eval_reference")["scores"][0]
    ours = evals.run("eval", python=None, n_repeats=8)["scores"][0]
    assert 0 < ours["n_correct"] < SAMPLES
    for name in ("score", "outcomes", "standard_error", "standard_error_within", "confidence_interval", "data_sha256"):
        assert theirs[name] == ours[name], name


@pytest.mark.slow
def test_a_server_that_dies_ends_the_run_at_its_limit(evals: Evals) -> None:
    evals.server.set(hold=SAMPLES // 2)
    job = evals.spawn("eval_reference", cell_timeout=30, **{"concurrency": 4})
    wait_for(lambda: sum(cell["done"] for cell in status(evals).get("cells", [])) >= SAMPLES // 4, 60)
    evals.server.stop()
    output, _none = job.communicate(timeout=120)
    failed = evals.spawned()
    assert failed["failed"], output
    assert "was ended after 30 s" in failed["msg"]
    assert "gpt_oss.evals.log" in failed["msg"]
    assert not harnesses(evals.folder)


@pytest.mark.slow
def test_what_a_stopped_run_left_is_asked_anew(evals: Evals) -> None:
    evals.server.set(hold=SAMPLES // 2)
    assert evals.run("eval_reference", state="started")["changed"]
    wait_for(lambda: sum(cell["done"] for cell in status(evals).get("cells", [])) >= SAMPLES // 4, 60)
    assert evals.run("eval_reference", state="stopped")["changed"]
    assert status(evals)["state"] == "stopped"
    wait_for(lambda: not harnesses(evals.folder))
    evals.server.set(hold=None)
    assert evals.run("eval_reference")["scores"][0]["n_samples"] == SAMPLES


def test_a_python_without_it_is_refused(evals: Evals) -> None:
    python = shutil.which("python3")
    failed = evals.run("eval_reference", python=python)
    assert failed["failed"]
    assert "wanted a Python that has gpt-oss 0.0.9" in failed["msg"]


@pytest.mark.slow
def test_the_playbook_runs_it_and_finds_it_done(evals: Evals, tmp_path: Path) -> None:
    (tmp_path / "reference").symlink_to(PYTHON.parents[1])
    playbook = Playbook(
        evals,
        {
            "evaluate_engine": "reference",
            "evaluate_reference_environment_path": str(tmp_path / "reference"),
            "evaluate_reference_python": str(PYTHON),
        },
    )
    output = playbook.run()
    report = playbook.report()
    assert [host["verdict"] for host in report["hosts"]] == ["unjudged"], output
    assert report["scores"][0]["n_samples"] == SAMPLES
    assert report["scores"][0]["n_truncated"] is None
    assert "GPQA" in (tmp_path / "report" / "report.md").read_text()
    assert unchanged(playbook.run())
    assert "always asks 8 times" in playbook.run("-e", "evaluate_n_repeats=4")


def harnesses(folder: Path) -> list[str]:
    """Return the processes that run the harness for a test's folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder / "run").encode() in place.read_bytes():
                found.append(place.parent.name)
    return found
