from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.doc_fragments.engine import ModuleDocFragment
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_image, vllm_image_share


def run(module: Any, capsys: pytest.CaptureFixture[str], **parameters: Any) -> dict[str, Any]:
    with patch_module_args(parameters), pytest.raises(SystemExit):
        module.main()
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("module", [vllm_image, vllm_image_share])
def test_the_documentation_tells_the_argument_spec(module: Any) -> None:
    documented = {
        **yaml.safe_load(module.DOCUMENTATION)["options"],
        **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
    }
    assert documented.keys() == module.ARGUMENT_SPEC.keys()
    for name, option in module.ARGUMENT_SPEC.items():
        for key in ("type", "default", "choices", "elements", "required", "aliases"):
            assert documented[name].get(key) == option.get(key), f"{name}: {key}"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "missing required arguments: image"),
        ({"image": "Upper:1"}, "names are lower case"),
        ({"image": "a:1", "digest": "sha256:1"}, "64 hexadecimal digits"),
        ({"image": "a:1", "source": "archive"}, "source is archive but all of the following are missing: archive"),
        ({"image": "a:1", "source": "peer"}, "source is peer but all of the following are missing: peer, peer_token"),
        ({"image": "a:1", "docker_host": "unix:///nonexistent"}, "expected a Docker Engine at unix:///nonexistent"),
    ],
)
def test_bad_input_is_refused(parameters: dict[str, Any], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(vllm_image, capsys, **parameters)
    assert result["failed"] and text in result["msg"], result


@pytest.mark.parametrize("module", [vllm_image, vllm_image_share])
def test_a_missing_library_is_named(
    module: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOCKER_IMPORT_ERROR", "Traceback: no docker")
    result = run(module, capsys, image="a:1")
    assert result["failed"] and "docker" in result["msg"]
