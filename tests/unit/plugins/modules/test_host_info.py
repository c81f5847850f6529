"""The module host_info: what it documents, and its way of running commands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import host_info


@pytest.fixture
def arguments() -> Iterator[None]:
    with patch_module_args({"docker_host": "unix:///nowhere", "packages": ["no-such-*"], "_ansible_check_mode": True}):
        yield


def run(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    with pytest.raises(SystemExit) as ended:
        host_info.main()
    assert ended.value.code == 0
    return dict(json.loads(capsys.readouterr().out))


def test_it_looks_at_this_machine_in_check_mode(arguments: None, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys)
    assert result["changed"] is False
    host = result["host"]
    assert isinstance(host, dict)
    assert host["packages"] == {}
    assert host["kernel"]["release"]


def test_all_that_is_returned_is_documented(arguments: None, capsys: pytest.CaptureFixture[str]) -> None:
    host = run(capsys)["host"]
    assert isinstance(host, dict)
    documented = yaml.safe_load(host_info.RETURN)["host"]["contains"]
    assert set(host) == set(documented)


def test_the_options_are_documented() -> None:
    options = yaml.safe_load(host_info.DOCUMENTATION)["options"]
    assert set(options) == set(host_info.ARGUMENT_SPEC)
    for name, spec in host_info.ARGUMENT_SPEC.items():
        assert options[name].get("default") == spec.get("default"), name
        assert options[name]["type"] == spec["type"], name
