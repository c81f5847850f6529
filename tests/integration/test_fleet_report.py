"""fleet_report in a real play: all forms, nothing changed by a second run, check mode, diff, facts of the hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from test_fleet_scores import row

ROOT = Path(__file__).resolve().parents[2]
FILES = ("report.html", "report.md", "report.json", "report.csv", "junit.xml")
REPORT: dict[str, Any] = {
    "gpt_oss.fleet.fleet_report": {"fleet": "{{ judged.fleet }}", "path": "{{ playbook_dir }}/report", "samples": 3},
    "run_once": True,
    "delegate_to": "localhost",
    "diff": True,
}
STAGES = {"created": 0.5, "weights": 31.25}
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Have facts",
                "ansible.builtin.set_fact": {
                    "cacheable": True,
                    "gpt_oss_scores": "{{ rows }}",
                    "gpt_oss_servers": [{"name": "vllm-{{ inventory_hostname }}", "stage_seconds": STAGES}],
                },
            },
            {
                "name": "Judge",
                "gpt_oss.fleet.fleet_scores": {"tasks": ["aime25"], "reasoning_efforts": ["low"], "fail_on": []},
                "register": "judged",
                "run_once": True,
            },
            {"name": "Foretell", **REPORT, "check_mode": True, "register": "foretold"},
            {"name": "Look", "ansible.builtin.stat": {"path": "{{ playbook_dir }}/report"}, "register": "nothing"},
            {"name": "Write", **REPORT, "register": "written"},
            {"name": "Write again", **REPORT, "register": "again"},
            {
                "name": "Keep what was said",
                "ansible.builtin.copy": {
                    "content": "{{ [foretold, nothing.stat.exists, written, again] | to_json }}",
                    "dest": "{{ playbook_dir }}/said.json",
                },
                "run_once": True,
            },
        ],
    }
]


def test_the_report_is_written_once(tmp_path: Path) -> None:
    samples = tmp_path / "report" / "samples"
    hosts = {}
    for number, hard in ((1, 5), (2, 5), (3, 20)):
        name = f"node{number}"
        hosts[name] = {"rows": [{**row(f"vllm-{name}", hard), "journal": "/far/away/aime25.jsonl", "simulated": True}]}
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump({
            "all": {
                "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable,
                         "vllm_servers": [{"name": "vllm-{{ inventory_hostname }}"}]},
                "hosts": hosts,
            }
        })
    )  # fmt: skip
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAYBOOK))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
             "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    foretold, existed, written, again = json.loads((tmp_path / "said.json").read_text())
    assert not existed and not samples.exists()
    assert (foretold["changed"], written["changed"], again["changed"]) == (True, True, False)
    assert sorted(written["differing"]) == sorted(str(tmp_path / "report" / name) for name in FILES)
    assert sorted(Path(each["after_header"]).name for each in written["diff"]) == [
        "junit.xml",
        "report.csv",
        "report.md",
    ]
    texts = {name: (tmp_path / "report" / name).read_text() for name in FILES}
    assert "SIMULATED BAD" in texts["report.html"] and "31.2" in texts["report.html"]
    assert json.loads(texts["report.json"])["quarantine"][0]["host"] == "node3"
    assert "node3" in texts["report.csv"] and "<failure" in texts["junit.xml"] and "**SIMULATED" in texts["report.md"]
