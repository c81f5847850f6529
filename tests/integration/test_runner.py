"""playbooks/evaluate.yml by ansible-runner, as AWX runs it: its events, its artifacts, and what a later job finds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
from eval_harness import QUESTIONS, REPEATS, ROOT, LoopbackServer

HOSTS = ("node1", "node2")
SECRETS = ("sk-theKeyOfTheServer1", "hf_theTokenOfTheHub1")
LATER = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ inventory_hostname }} has {{ ansible_facts.gpt_oss_scores | map(attribute='n_measured') | first }}"
    - ansible.builtin.debug:
        msg: "the fleet is {{ hostvars['localhost'].ansible_facts.gpt_oss_fleet.verdict }}"
      run_once: true
"""


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A private data folder: inventory, project, key file; its two servers answer for some seconds."""
    private = tmp_path / "private"
    for folder in ("project", "inventory"):
        (private / folder).mkdir(parents=True)
    rows = "".join(f"Question {n}?,a{n},b{n},c{n},d{n}\n" for n in range(QUESTIONS))
    data = tmp_path / "gpqa.csv"
    data.write_text(f"Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n{rows}")
    key = private / "key"
    key.write_text(SECRETS[0])
    key.chmod(0o600)
    servers = {host: LoopbackServer(tmp_path / f"server-{host}", {"latency": 0.4}) for host in HOSTS}
    for server in servers.values():
        server.folder.mkdir()
        server.start()
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "gpt_oss_environment_path": sys.prefix,
        "gpt_oss_state_path": f"{tmp_path}/{{{{ inventory_hostname }}}}",
        "evaluate_containers": False,
        "evaluate_tasks": ["gpqa"],
        "evaluate_reasoning_efforts": ["low"],
        "evaluate_n_repeats": REPEATS,
        "evaluate_concurrency": 8,
        "evaluate_poll_interval": 0.5,
        "evaluate_data": {"gpqa": [str(data)]},
        "evaluate_fail_on": ["missing"],
        "evaluate_report_path": str(private / "report"),
        "vllm_defaults": {
            "model": "test-model",
            "api_key_file": str(key),
            "environment": {"HF_TOKEN": SECRETS[1]},
        },
    }
    hosts = {host: {"vllm_servers": [{"name": host, "port": server.port}]} for host, server in servers.items()}
    (private / "inventory" / "hosts.json").write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    (private / "project" / "evaluate.yml").write_text("- import_playbook: gpt_oss.fleet.evaluate\n")
    (private / "project" / "later.yml").write_text(LATER)
    yield private
    for server in servers.values():
        server.stop()


def run(private: Path, playbook: str) -> ansible_runner.Runner:
    """Run a playbook of the project; jobs of one identity share a fact cache."""
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"), "ANSIBLE_NOCOLOR": "1"}
    return ansible_runner.run(
        private_data_dir=str(private), playbook=playbook, ident="job", envvars=environment, quiet=True, timeout=120
    )


def facts(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return a fact by the host of the event that brought it."""
    found = {}
    for event in events:
        data = event.get("event_data") or {}
        registered = (data.get("res") or {}).get("ansible_facts") or {}
        if event["event"] == "runner_on_ok" and name in registered:
            found[data["host"]] = registered[name]
    return found


def test_a_job_tells_its_progress_and_leaves_its_facts(private: Path) -> None:
    job = run(private, "evaluate.yml")
    assert (job.status, job.rc) == ("successful", 0), job.stdout.read()
    events = list(job.events)
    scores = facts(events, "gpt_oss_scores")
    assert {host: rows[0]["n_measured"] for host, rows in scores.items()} == dict.fromkeys(HOSTS, QUESTIONS * REPEATS)
    judged = list(facts(events, "gpt_oss_fleet").values())
    assert len(judged) == 1
    fleet = judged[0]
    assert (fleet["verdict"], [each["host"] for each in fleet["hosts"]]) == ("unjudged", list(HOSTS))

    # Progress and the verdict are events of their own. The terminal is the runner's: nobody wants each look kept.
    told = [line for event in events if event["event"] == "verbose" for line in event["stdout"].splitlines()]
    progress = {host: [line for line in told if line.startswith(f"[{host}] {host}: gpqa low")] for host in HOSTS}
    assert all(1 <= len(lines) <= 2 for lines in progress.values()), progress
    assert any(line.startswith("Fleet verdict: UNJUDGED") for line in told), told

    artifacts = private / "artifacts" / "job"
    for path in (path for path in [*artifacts.rglob("*"), *(private / "report").rglob("*")] if path.is_file()):
        content = path.read_text(encoding="utf-8")
        assert not [secret for secret in SECRETS if secret in content], path

    # Another job with the same fact cache knows the scores and the verdict.
    assert {path.name.removeprefix("s1_") for path in (artifacts / "fact_cache").iterdir()} == {"localhost", *HOSTS}
    later = run(private, "later.yml")
    said = later.stdout.read()
    assert later.rc == 0, said
    assert "the fleet is unjudged" in said
    assert all(f"{host} has {QUESTIONS * REPEATS}" in said for host in HOSTS)
