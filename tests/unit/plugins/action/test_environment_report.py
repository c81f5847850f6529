from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action import environment_report as action
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import differences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_host import environment_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_report import sentence, short_table

TOKEN = "hf_AbCdEfGhIjKlMnOp"
ROW: dict[str, Any] = {
    "name": "s",
    "collected": True,
    "problem": "",
    "text": "the report",
    "sections": {},
    "packages": [],
    "topology": [],
    "variables": {"A": "1"},
}


def hosts() -> dict[str, Any]:
    variables = {
        "fe80::1": {"gpt_oss_environment": {"s": ROW}, "gpt_oss_host": {"proxy": f"http://u:{TOKEN}@p"}},
        "../up": {"gpt_oss_environment": {}, "gpt_oss_environment_problem": f"refused {TOKEN}"},
        "silent": {},
    }
    return {name: environment_of(variables, name) for name in (*variables, "not in the inventory")}


def files() -> dict[str, str | None]:
    own = hosts()
    found = differences(own)
    return action.report_files(own, {**found, "sentence": sentence(found), "table": short_table(found)})


def test_files_have_safe_names_and_no_secrets() -> None:
    assert sorted(files()) == sorted(
        ["differences.json", "differences.md"]
        + [f"hosts/{name}.{kind}" for name in ("fe80%3A%3A1", "..%2Fup", "silent", "not%20in%20the%20inventory")
           for kind in ("txt", "json")]
    )  # fmt: skip
    assert files()["hosts/fe80%3A%3A1.txt"] == "# s\nthe report"
    assert not any(TOKEN in (text or "") for text in files().values())


def test_every_host_is_told() -> None:
    report = json.loads(files()["differences.json"] or "")
    assert report["hosts"] == ["fe80::1"]
    assert [row["host"] for row in report["not_collected"]] == ["../up", "silent", "not in the inventory"]


def test_old_texts_of_hosts_that_fail_now_go(tmp_path: Path) -> None:
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "silent.txt").write_text("of another day")
    action.write_report(tmp_path, files())
    action.write_report(tmp_path, files())
    assert not (tmp_path / "hosts" / "silent.txt").exists()
    assert json.loads((tmp_path / "hosts" / "silent.json").read_text())["name"] == "silent"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match="choose another path"):
        action.write_report(tmp_path / "file", files())
