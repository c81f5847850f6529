from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action import smoke_report as action
from ansible_collections.gpt_oss.fleet.plugins.modules.smoke_report import DOCUMENTATION, RETURN
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._smoke_report import report_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)


def test_the_documentation_says_what_the_plugin_takes_and_returns() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == action.ARGUMENT_SPEC
    assert set(yaml.safe_load(RETURN)["report"]["contains"]) == set(report_of({}))


@pytest.mark.parametrize(
    ("hostvars", "expected"),
    [
        ({"a": {"gpt_oss_smoke": [{"server": "s"}]}}, [{"server": "s"}]),
        ({"a": {"gpt_oss_smoke": []}}, []),
        ({"a": {}}, None),
        ({}, None),
    ],
)
def test_a_host_without_the_fact_was_not_tested(hostvars: dict[str, Any], expected: Any) -> None:
    assert action._fact(hostvars, "a") == expected


def test_the_files() -> None:
    files = action.report_files(report_of({"a": None}), NOW)
    assert sorted(files) == ["junit.xml", "smoke.json"]
    document = json.loads(files["smoke.json"])
    assert (document["created"], document["not_tested"], "table" in document) == ("2026-01-31T12:00:00Z", ["a"], False)
    suite = ElementTree.fromstring(files["junit.xml"].encode())[0]
    assert suite.attrib["timestamp"] == "2026-01-31T12:00:00"


def test_files_are_replaced_at_once(tmp_path: Path) -> None:
    action.write_report(tmp_path / "new" / "folder", {"junit.xml": "one"})
    action.write_report(tmp_path / "new" / "folder", {"junit.xml": "two"})
    assert (tmp_path / "new" / "folder" / "junit.xml").read_text() == "two"
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["junit.xml"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match="choose another path"):
        action.write_report(tmp_path / "file", {"junit.xml": ""})
