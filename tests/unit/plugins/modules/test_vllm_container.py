from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.doc_fragments.engine import ModuleDocFragment
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_container


def run(capsys: pytest.CaptureFixture[str], **parameters: Any) -> dict[str, Any]:
    with patch_module_args(parameters), pytest.raises(SystemExit):
        vllm_container.main()
    return dict(json.loads(capsys.readouterr().out))


def test_the_documentation_tells_the_argument_spec() -> None:
    documented = {
        **yaml.safe_load(vllm_container.DOCUMENTATION)["options"],
        **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
    }
    spec = vllm_container.argument_spec()
    assert documented.keys() == spec.keys()
    for name, option in spec.items():
        for key in ("type", "default", "choices", "elements", "required"):
            assert documented[name].get(key) == option.get(key), f"{name}: {key}"


def test_bad_input_is_listed_whole_before_the_engine_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, name="x", image="i", port=0, environment={"A": True}, docker_host="unix:///nonexistent")
    assert result["failed"] and len(result["problems"]) == 3
    assert "nothing was changed" in result["msg"] and "environment.A" in result["msg"]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"network_mode": "overlay"}, "value of network_mode must be one of: bridge, host"),
        ({"state": "running"}, "value of state must be one of"),
        ({"image": None}, "state is started but all of the following are missing: image"),
        ({"port": "http"}, "port"),
        ({"modle": "m"}, "modle"),
    ],
)
def test_the_argument_spec_refuses(parameters: dict[str, Any], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"name": "server", "image": "i", **parameters}
    result = run(capsys, **{name: value for name, value in given.items() if value is not None})
    assert result["failed"] and text in result["msg"]


def test_an_unreachable_engine(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, name="server", image="i", docker_host="unix:///nonexistent/docker.sock")
    assert result["failed"] and "expected a Docker Engine at unix:///nonexistent/docker.sock" in result["msg"]


def test_a_missing_library_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_container, "DOCKER_IMPORT_ERROR", "Traceback: no docker")
    result = run(capsys, name="server", image="i")
    assert result["failed"] and "Failed to import the required Python library (docker)" in result["msg"]
