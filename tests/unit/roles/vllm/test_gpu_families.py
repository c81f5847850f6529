"""A GPU family of the recipes can be asked for by name, and the README says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import OPTIONS

ROLE = Path(__file__).resolve().parents[4] / "roles" / "vllm"
FAMILIES = yaml.safe_load((ROLE / "vars/main/recipes.yml").read_text(encoding="utf-8"))["vllm_gpu_families"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_an_option_and_is_told(family: str) -> None:
    assert OPTIONS["gpu_family"](family) == family
    assert f"`{family}` ({FAMILIES[family]['title']})" in (ROLE / "README.md").read_text(encoding="utf-8")
