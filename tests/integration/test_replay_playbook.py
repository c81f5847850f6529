"""The original results, replayed: servers set to the counts seen on B200 give the twelve scores to the last digit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, simulated
from playbook_host import Host, counts, this_machine

FILES = ROOT / "inventories" / "demo" / "files"
EFFORTS = ("low", "medium", "high")
# Right answers of 1,584 and 240, and the scores as the reference harness printed them.
ORIGINAL = {
    "openai/gpt-oss-20b": {
        "gpqa": ((889, 1006, 1142), (0.5612373737373737, 0.63510101010101, 0.7209595959595959)),
        "aime25": ((84, 179, 207), (0.35, 0.7458333333333333, 0.8625)),
    },
    "openai/gpt-oss-120b": {
        "gpqa": ((1029, 1114, 1256), (0.6496212121212122, 0.7032828282828283, 0.7929292929292929)),
        "aime25": ((126, 178, 220), (0.525, 0.7416666666666667, 0.9166666666666666)),
    },
}


@pytest.fixture
def host(tmp_path: Path, prefix: str, free_port: Callable[[], int], simulator_image: str, environment: Path) -> Host:
    servers = [server(prefix, model, free_port(), simulator_image) for model in ORIGINAL]
    variables = {
        **this_machine(tmp_path / "state", environment),
        "hf_cache_models": [],
        "vllm_servers": servers,
        "evaluate_data": {
            "gpqa": [str(FILES / "gpqa_demo.csv")],
            "aime25": [str(FILES / f"aime25_demo-{part}.jsonl") for part in (1, 2)],
        },
        "evaluate_reference_data": "any",
        "evaluate_report_path": str(tmp_path / "report"),
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"one": variables}}}))
    return Host(tmp_path, inventory, servers[0])


def server(prefix: str, model: str, port: int, image: str) -> dict[str, Any]:
    """Return a server that answers exactly as many questions right as the original run did."""
    answers = {
        task: {effort: {"correct": right} for effort, right in zip(EFFORTS, counted, strict=True)}
        for task, (counted, _scores) in ORIGINAL[model].items()
    }
    return {
        "name": f"{prefix}-{model.rpartition('-')[2]}",
        "model": model,
        "image": image,
        "pull": "never",
        "vllm_version": "0.32.0",
        "gpus": "none",
        "port": port,
        "timeout": 60,
        "volumes": [f"{FILES}:/simulator:ro"],
        "environment": simulated(
            data={
                "gpqa": ["/simulator/gpqa_demo.csv"],
                "aime25": ["/simulator/aime25_demo-1.jsonl", "/simulator/aime25_demo-2.jsonl"],
            },
            repeats=8,
            answers=answers,
        ),
    }


def test_the_twelve_original_scores_to_the_last_digit(host: Host) -> None:
    deployed = host.play("deploy")
    assert deployed.returncode == 0, deployed.stdout
    evaluated = host.play("evaluate")
    assert evaluated.returncode == 0, evaluated.stdout
    report = json.loads((host.root / "report" / "report.json").read_text())
    seen = {(row["model"], row["task"], row["reasoning_effort"]): row["score"] for row in report["scores"]}
    expected = {
        (model, task, effort): score
        for model, tasks in ORIGINAL.items()
        for task, (_counted, scores) in tasks.items()
        for effort, score in zip(EFFORTS, scores, strict=True)
    }
    assert seen == expected
    for score in expected.values():
        assert f"{score * 100:.1f}" in evaluated.stdout
    again = host.play("evaluate")
    assert (again.returncode, counts(again)["changed"]) == (0, 0), again.stdout
