from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.modules import gpu_proof, vllm_container


def test_documentation_tells_the_argument_spec() -> None:
    documented = yaml.safe_load(gpu_proof.DOCUMENTATION)["options"]
    assert set(documented) == set(gpu_proof.ARGUMENT_SPEC)
    for name, spec in gpu_proof.ARGUMENT_SPEC.items():
        for key in ("type", "default", "choices", "elements", "required"):
            assert documented[name].get(key) == spec.get(key), (name, key)


def test_it_asks_for_gpus_as_the_servers_module_does() -> None:
    servers = yaml.safe_load(vllm_container.DOCUMENTATION)["options"]["gpu_access"]["choices"]
    assert gpu_proof.ARGUMENT_SPEC["gpu_access"]["choices"] == servers


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"count": 8, "gpus": "all", "uuids": []}, 8),
        ({"count": None, "gpus": "0,1,2", "uuids": ["a"]}, 3),
        ({"count": None, "gpus": "all", "uuids": ["a", "b"]}, 2),
        ({"count": None, "gpus": "all", "uuids": []}, 0),
    ],
)
def test_expected_count(params: dict[str, Any], expected: int) -> None:
    assert gpu_proof.expected_count(params) == expected
