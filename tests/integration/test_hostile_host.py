# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host that is in other hands tells the controller: it writes no other file there, and runs nothing."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _quarantine
from conftest import ROOT
from playbook_host import PLAYBOOK, said


def run(play: list[dict[str, Any]], root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a play on one host, this machine."""
    (root / "play.yml").write_text(json.dumps(play))
    return subprocess.run(
        [*PLAYBOOK, str(root / "play.yml"), "-i", "one,", "-c", "local", *options],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


NAMES = [
    ("../../..", "/srv/run/authorized_keys"),
    ("..", "/srv/run/x.jsonl"),
    ("", "/srv/run/x.jsonl"),
    ("server/..", "/srv/run/x.jsonl"),
    ("server", "/srv/run/.."),
    ("server", "/srv/run/.bashrc"),
    ("server\n", "/srv/run/x.jsonl"),
]


def test_no_score_leads_to_another_place_of_the_controller(tmp_path: Path) -> None:
    """All names in one run; each would be enough."""
    (tmp_path / "journal.jsonl").write_text("{}\n")
    tasks = [
        {
            "name": f"fetch {number}",
            "block": [
                {"ansible.builtin.set_fact": {"gpt_oss_scores": [row], "cacheable": True}},
                {"ansible.builtin.include_role": {"name": "gpt_oss.fleet.evaluate", "tasks_from": "samples"}},
                {"ansible.builtin.fail": {"msg": f"number {number} was not refused"}},
            ],
            "rescue": [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}],
        }
        for number, row in enumerate(
            {"server": server, "journal": journal, "task": "gpqa", "reasoning_effort": "low"}
            for server, journal in NAMES
        )
    ]
    variables = {"evaluate_fetch_samples": True, "evaluate_report_path": str(tmp_path / "report")}
    done = run([{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}], tmp_path)
    assert done.returncode == 0, said(done)
    told = [" ".join(text.split()) for text in re.findall(r"msg: (Expected plain names.*?);", done.stdout, re.DOTALL)]
    assert len(told) == 2 * len(NAMES), told
    assert all(
        f"found {json.dumps(server)}" in text or json.dumps(Path(journal).name) in text
        for text, (server, journal) in zip(told[::2], NAMES, strict=True)
    ), told
    assert not [text for text in told if '"x.jsonl"' in text or '"server"' in text]
    assert "was not refused" not in done.stdout
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "reason", ["{{ lookup('pipe', 'touch PLACE') }}", "{% set x = lookup('pipe', 'touch PLACE') %}"]
)
def test_a_reason_in_the_quarantine_is_no_template(reason: str, tmp_path: Path) -> None:
    place = tmp_path / "touched"
    entry = {"reason": reason.replace("PLACE", str(place)), "time": "", "retest": ""}
    inventory = tmp_path / "quarantine.yml"
    show = [{"hosts": "one", "gather_facts": False, "tasks": [
        {"ansible.builtin.debug": {"msg": "{{ gpt_oss_quarantine_reason }}"}}
    ]}]  # fmt: skip
    inventory.write_text(_quarantine.dump({"one": entry}))
    done = run(show, tmp_path, "-i", str(inventory))
    assert done.returncode == 0, said(done)
    assert "lookup('pipe'" in done.stdout or "lookup(''pipe''" in done.stdout
    assert not place.exists()
    assert _quarantine.load(inventory.read_text(), "here").keys() == {"one"}


def test_hosts_whose_names_are_no_names_of_files_are_refused(tmp_path: Path) -> None:
    odd = ["../../evil", "a/b", ".hidden", "-rf", "a\u202eb", "a b"]
    hosts = dict.fromkeys([*odd, "b200-01.example", "10.0.0.1"], {"ansible_connection": "local"})
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    done = subprocess.run(
        [*PLAYBOOK, "gpt_oss.fleet.smoke", "-i", str(tmp_path / "hosts.json")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"found {', '.join(map(json.dumps, odd))}. Give such a host" in said(done), said(done)
