# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model as the real ansible-playbook runs it: what is shown of a long download, as gpt_oss_progress wants it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from hub_harness import COMMIT, REPO, Hub
from lookalike_hub import Generated
from playbook_host import PLAYBOOK, counts

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Bring it
      gpt_oss.fleet.hf_model:
        repo_id: "{{ repo_id }}"
        cache_dir: "{{ cache }}/{{ inventory_hostname }}"
        endpoint: "{{ endpoint }}"
"""
FETCHES = re.compile(
    r"fetches, (?P<done>\d+\.\d) of 12\.0 MiB \((?P<share>\d+) %\), [0-3]/3 files, (?P<rate>\d+\.\d) MB/s, "
    r"(?P<left>\d+:\d\d) left(, retrying: .+)?"
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with a model of 12 MiB, whose line has 800 kB a second for each of three hosts."""
    shards = {f"model-0000{number}-of-00002.safetensors": Generated(6 << 20, number) for number in (1, 2)}
    with Hub(rate=2_400_000) as hub:
        hub.add(REPO).commit({"config.json": b"{}", **shards}, commit=COMMIT)
        hub.repository(REPO).hash_all()
        yield hub


def test_what_is_shown_of_a_download(hub: Hub, tmp_path: Path) -> None:
    modes = ("live", "terse", "off")
    hosts = {mode: {"ansible_connection": "local", "gpt_oss_progress": mode} for mode in modes}
    variables = {"ansible_python_interpreter": sys.executable, "endpoint": hub.endpoint, "repo_id": REPO}
    inventory = {"all": {"hosts": hosts, "vars": {**variables, "cache": str(tmp_path)}}}
    (tmp_path / "hosts.yml").write_text(json.dumps(inventory))
    (tmp_path / "play.yml").write_text(PLAY)
    hub.fault("reset", path="model-00001*", after=1 << 20, first=1)
    run = subprocess.run(
        [*PLAYBOOK, "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    lines = {mode: re.findall(rf"^\[{mode}\] {re.escape(REPO)}: (.*)$", run.stdout, re.MULTILINE) for mode in modes}
    assert len(lines["live"]) >= 2, run.stdout
    found = [FETCHES.fullmatch(line) for line in lines["live"]]
    assert all(found), lines["live"]
    assert "retrying" not in lines["live"][-1], "what went wrong once and goes on is no trouble"
    shares = [int(match["share"]) for match in found if match]
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] <= 100
    assert all(0.1 < float(match["rate"]) < 12 for match in found if match)
    assert len(lines["terse"]) == 1 and lines["terse"][0].startswith("fetches"), "one line a phase"
    assert lines["off"] == []
    assert all(counts(run, mode)["changed"] == 1 for mode in modes)
