"""Problems and which of them fail."""

from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem, verdict

WARNING = problem("persistence_off", "warning", "persistence", "on", "off", "switch it on", "nvidia_driver")
ERROR = problem("no_docker", "error", "docker", "an engine", "none", "install one", "docker")


def test_a_problem_says_it_all_in_one_sentence() -> None:
    assert ERROR["text"] == "docker: wanted an engine, found none; install one"
    assert list(ERROR) == ["id", "severity", "subject", "wanted", "found", "remedy", "mended_by", "text"]


@pytest.mark.parametrize(
    ("fail_on", "mended_by", "failing", "mended"),
    [
        ("error", [], ["no_docker"], []),
        ("warning", [], ["no_docker", "persistence_off"], []),
        ("never", [], [], []),
        ("error", ["docker"], [], ["no_docker"]),
        ("warning", ["docker"], ["persistence_off"], ["no_docker"]),
        ("warning", ["docker", "nvidia_driver"], [], ["no_docker", "persistence_off"]),
    ],
)
def test_what_fails(fail_on: str, mended_by: list[str], failing: list[str], mended: list[str]) -> None:
    found = verdict([WARNING, ERROR], fail_on, mended_by)
    assert [item["id"] for item in found["problems"]] == ["no_docker", "persistence_off"]
    assert [item["id"] for item in found["failing"]] == failing
    assert [item["id"] for item in found["mended"]] == mended
    assert found["ok"] == (failing == [])
