"""Facts of other hosts that are rubbish: each report is made of the others, and tells which host's are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import report_fleets
import smoke_examples
import test_cache_fleet
import test_environment_differences
import test_eval_status
import test_rollout
import test_status
from action_harness import run_action
from ansible.errors import AnsibleError
from ansible_collections.gpt_oss.fleet.plugins.filter.report_markdown import FilterModule as ReportMarkdown
from fingerprint_examples import row as fingerprint
from fleet_examples import make_row, spread
from fuzzing import ANYTHING, check_message, damaged, fuzz
from hypothesis import example
from hypothesis import strategies as st

ROWS = [make_row("gpqa", effort, spread(110 + 10 * n, 198)) for n, effort in enumerate(("low", "medium", "high"))]
KERNELS = [{"server": "gpt-oss-20b", "state": "contradicted", "sentence": "It is slow.", "remedy": "mend it"}]
HOST: dict[str, Any] = {
    "vllm_servers": [{"name": "gpt-oss-20b"}],
    "ansible_facts": {"gpt_oss_scores": ROWS},
    "gpt_oss_evaluate_failure": "",
    "gpt_oss_fingerprints": [{**fingerprint(), "server": "gpt-oss-20b"}],
    "gpt_oss_kernels": KERNELS,
    "gpt_oss_smoke": [smoke_examples.GOOD],
    "gpt_oss_liveness": [test_status.row()],
    "gpt_oss_cache": test_cache_fleet.host(test_cache_fleet.revision())["cache"],
    "gpt_oss_evals": [test_eval_status.entry()],
    "gpt_oss_environment": {"gpt-oss-20b": test_environment_differences.server()},
    "gpt_oss_gpu": test_environment_differences.gpu(1),
    "gpt_oss_plan": test_rollout.server_plans({"s": "i:2"}, [test_rollout.compared()], [test_rollout.PASSED], [], []),
    "gpt_oss_support_bundle": {"archive": "/a.tar.gz", "size": 3, "files": [{"name": "x", "bytes": 3}], "missing": []},
    "gpt_oss_servers": next(iter(report_fleets.servers(2).values())),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "fleet_scores": {"fail": False, "tasks": ["gpqa"]},
    "eval_look": {"tasks": ["gpqa"]},
    "smoke_report": {},
    "status_report": {},
    "cache_report": {},
    "eval_status_report": {},
    "environment_report": {"path": "report"},
    "fingerprint_report": {},
    "support_index": {"path": "support"},
    "rollout_plan": {"waves": ["1", "100%"], "quarantine_path": "quarantine.yml"},
}


def result_of(name: str, arguments: dict[str, Any], hostvars: dict[str, Any]) -> dict[str, Any] | None:
    """Return an action's result, or None for a sentence."""
    try:
        result = run_action(name, arguments, hostvars)
    except AnsibleError as exc:
        check_message(str(exc))
        return None
    json.dumps(result)
    return result


def placed(folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    paths = {"path", "quarantine_path"} & set(arguments)
    return {**arguments, **{name: str(folder / arguments[name]) for name in paths}}


@fuzz(name=st.sampled_from(sorted(ARGUMENTS)), broken=damaged(HOST), brief=15)
def test_one_hosts_facts(name: str, broken: Any, tmp_path: Path) -> None:
    """The two sound hosts are told as they are without the broken one's company."""
    hosts = {"one": HOST, "two": broken if isinstance(broken, dict) else {}, "three": HOST}
    result = result_of(name, placed(tmp_path, ARGUMENTS[name]), hosts)
    assert result is not None, f"{name} fails altogether"


@example(name="environment_report", values={"gpt_oss_gpu": "\ud800"})
@example(name="support_index", values={"gpt_oss_support_bundle": 3})
@example(name="fingerprint_report", values={"gpt_oss_fingerprints": 3})
@example(name="smoke_report", values={"gpt_oss_smoke": "x"})
@example(name="environment_report", values={"gpt_oss_environment": [3]})
@example(name="rollout_plan", values={"gpt_oss_plan": [3]})
@example(name="fleet_scores", values={"vllm_servers": [3]})
@example(name="fleet_scores", values={"ansible_facts": {"gpt_oss_scores": [{}]}})
@example(name="status_report", values={"gpt_oss_liveness": [3]})
@example(name="cache_report", values={"gpt_oss_cache": [3]})
@example(name="eval_status_report", values={"gpt_oss_evals": [3]})
@fuzz(
    name=st.sampled_from(sorted(ARGUMENTS)), values=st.dictionaries(st.sampled_from(sorted(HOST)), ANYTHING), brief=10
)
def test_facts_of_another_kind(name: str, values: Any, tmp_path: Path) -> None:
    hosts = {"one": HOST, "two": {**HOST, **values}, "three": HOST}
    assert result_of(name, placed(tmp_path, ARGUMENTS[name]), hosts) is not None, f"{name} fails altogether"


FLEET = report_fleets.fleet(2)


@example(fleet={**FLEET, "scores": [{**FLEET["scores"][0], "pass_at_k": [{"k": 1, "score": math.inf}]}]}, form="html")
@fuzz(fleet=damaged(FLEET), form=st.sampled_from(["html", "md", "csv", "json", "junit"]), brief=4)
def test_reports_of_a_damaged_fleet(fleet: Any, form: str, tmp_path: Path) -> None:
    if not isinstance(fleet, dict):
        return
    result_of("fleet_report", {"fleet": fleet, "path": str(tmp_path / "report"), "forms": [form]}, {"one": HOST})
    result_of("eval_baseline", {"fleet": fleet, "path": str(tmp_path / "baseline")}, {"one": HOST})
    try:
        ReportMarkdown().filters()["report_markdown"](fleet)
    except AnsibleError as exc:
        check_message(str(exc))
