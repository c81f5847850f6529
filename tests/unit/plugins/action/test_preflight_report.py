"""The action that shows a host's verdict."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.action import preflight_report
from ansible_collections.gpt_oss.fleet.plugins.modules.preflight_report import DOCUMENTATION
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem, verdict

WARNING = problem("cgroup_v1", "warning", "control groups", "version 2", "version 1", "boot with it")
ERROR = problem("disk_full", "error", "disk", "1 GiB", "none", "free some")


def test_the_documentation_says_what_the_plugin_takes() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == preflight_report.ARGUMENT_SPEC


@pytest.mark.parametrize(
    ("problems", "colour"), [([], "green"), ([WARNING], "yellow"), ([ERROR, WARNING], "red"), ([ERROR], "red")]
)
def test_the_colour(problems: list[Any], colour: str) -> None:
    assert preflight_report.colour(verdict(problems)) == colour


def test_a_refusal_names_each_problem_once() -> None:
    said = preflight_report.refusal("b200-1", verdict([ERROR, ERROR, WARNING]))
    assert said.startswith("b200-1 is not ready for gpt-oss: 2 problems (disk_full). The table above tells")
    assert preflight_report.refusal("b200-1", verdict([ERROR])).startswith(
        "b200-1 is not ready for gpt-oss: 1 problem ("
    )
