from __future__ import annotations

from pathlib import Path

import tomllib
import yaml

ROOT = Path(__file__).parents[4]


def test_hosts_get_the_reference_harness_that_the_tests_compare_with() -> None:
    variables = yaml.safe_load((ROOT / "roles/evaluate/vars/main.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert variables["__evaluate_reference_requirements"] == project["dependency-groups"]["reference"]
