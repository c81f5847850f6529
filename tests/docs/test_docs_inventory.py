"""The inventory that the guide has copied can be used again after an evaluation has written its report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from doc_pages import ROOT

BIN = Path(sys.executable).parent


def run(folder: Path, *words: str) -> str:
    words = (str(BIN / words[0]), *words[1:])
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_report_is_no_inventory(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inventories" / "b200", tmp_path / "inventory")
    host = "b200-01.example.com"
    asked = ["-m", "ansible.builtin.debug", "-a", "var=evaluate_report_path", "-e", "ansible_connection=local"]
    told = run(tmp_path, "ansible", host, "-i", "inventory", "--one-line", *asked)
    report = Path(json.loads(told.partition("=> ")[2])["evaluate_report_path"])
    report.mkdir()
    (report / "report.csv").write_text("host,score\n")
    listed = json.loads(run(tmp_path, "ansible-inventory", "-i", "inventory", "--list"))
    hosts = {name for group in listed.values() for name in group.get("hosts", [])}
    assert host in hosts and all(name.endswith(".example.com") for name in hosts)
