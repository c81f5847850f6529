# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, reasons and replies that want to be more than text, in each form in which something is shown or written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stages import last_shown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._markdown import section, table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._quarantine import dump
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report import report_markdown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_csv import report_csv
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_junit import report_junit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import UNFIT
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._support_index import index_page
from test_html_page import Page, attacked

HOSTILE = [
    "<script>alert(1)</script>",
    "\\<img src=x onerror=alert(1)>",
    "\\\\<b>",
    "<!-- <script> -->",
    "<javascript:alert(1)>",
    "[here](javascript:alert(1))",
    "![seen](http://127.0.0.1:9/pixel.png)",
    "[a]: javascript:alert(1)",
    "`code` | cell \\| cell",
    "two\n\n<p>lines</p>\n# heading",
    "\x1b]0;title\x07\x1b[2J\x9b31m\u202egnp.exe\u2028\x00",
    "{{ 7 * 7 }}",
]


def rendered(text: str) -> list[str]:
    """Return what a reader of Markdown, HTML allowed, finds beside text, by the names of its tokens."""
    reader = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed: run make setup")
    tokens = reader.MarkdownIt("commonmark").enable("table").parse(text)
    return [each.type for token in tokens for each in (token, *(token.children or []))]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_begins_in_a_markdown_table(text: str) -> None:
    plain = "\n".join([*section("title", table(["a", "b"], [["cell", "cell"]])), "", "- item"])
    hostile = "\n".join([*section(text, table(["a", text], [["cell", text]])), "", f"- {plain.splitlines()[-1][2:]}"])
    kinds = set(rendered(hostile))
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "definition"}, hostile
    assert rendered(hostile).count("td_open") == 2 and rendered(hostile).count("heading_open") == 1
    assert not set(hostile) & set("\x00\x07\x1b\x9b\u2028\u202e")


def facts_of(text: str) -> dict[str, Any]:
    """Return a fleet's facts in which all that comes from outside is this text."""
    facts, _known = attacked()
    hosts = {host["host"]: f"{number}{text}" for number, host in enumerate(facts["hosts"])}
    written = json.dumps(facts)
    for host, name in hosts.items():
        written = written.replace(json.dumps(host)[1:-1], json.dumps(name)[1:-1])
    found = json.loads(written)
    for entry in found["scores"]:
        entry |= dict.fromkeys(("reason", "vllm_version", "model", "identity", "revision", "server"), text)
    for host in found["hosts"]:
        host["reasons"] = [text]
    return dict(found, sentence=f"Fleet verdict: BAD - {text}")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_begins_in_a_fleets_markdown(text: str) -> None:
    starts = {"0": [{"name": text, "stage_seconds": {text: 1.0}}]}
    report = report_markdown(facts_of(text), starts)
    assert not set(rendered(report)) & {"html_block", "html_inline", "link_open", "image"}, report


@pytest.mark.parametrize("text", HOSTILE)
def test_a_fleets_junit_can_be_read(text: str) -> None:
    root = ElementTree.fromstring(report_junit(facts_of(text), UNFIT).encode())
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped",
    }  # fmt: skip


@pytest.mark.parametrize("text", ['=cmd|"/c calc"!A1', " =1+1", "+1", "-2+3+cmd|x", "@SUM(1)", "\uff1d1+1", "\t=1"])
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    names = ("reason", "vllm_version", "model", "identity", "revision", "server")
    for row in csv.DictReader(io.StringIO(report_csv(facts_of(text)), newline="")):
        assert [row[name] for name in names] == [f"'{text}"] * len(names)


@pytest.mark.parametrize("host", [*HOSTILE, "javascript:alert(1)//", "//evil.example/", '"><img src=x>'])
def test_the_page_of_support_bundles(host: str) -> None:
    good = {"host": host, "archive": f"{host}.tar.gz", "size": 1, "problem": "",
            "files": [{"path": host, "bytes": 1}], "missing": [{"part": host, "reason": host}]}  # fmt: skip
    page = Page(index_page([good, {"host": host, "problem": host}], host))
    assert {tag for tag, _own in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "a", "ul", "li", "code",
    }  # fmt: skip
    assert all(address.startswith("./") for address in page.attributes("href"))
    assert any("default-src 'none'" in policy for policy in page.attributes("content"))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_quarantine_is_an_inventory_of_these_hosts_alone(text: str) -> None:
    document = yaml.safe_load(dump({f"n{text}": {"reason": text, "time": text, "retest": text}}))
    assert document.keys() == {"gpt_oss_quarantine"} and document["gpt_oss_quarantine"].keys() == {"hosts"}
    ((_name, entry),) = document["gpt_oss_quarantine"]["hosts"].items()
    assert entry.keys() == {f"gpt_oss_quarantine_{key}" for key in ("reason", "time", "retest")}
    assert not [value for value in entry.values() if "{{" in value or "{%" in value or "{#" in value]


@pytest.mark.parametrize("name", ["../up.txt", "hosts/../../up.txt", "/etc/up.txt"])
def test_a_report_lies_in_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="leads out of it"):
        write_report(tmp_path / "report", {"good.txt": "x", name: "x"})
    assert not (tmp_path / "report").exists()


def test_a_terminal_obeys_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, color=None: shown.append(text))
    Console().display("a\tb\n\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J \u202etxt.exe")
    assert shown == ["a\tb\nred \ufffd]0;title\ufffd\ufffd[2J \ufffdtxt.exe"]
    assert last_shown("2026-01-01T00:00:00Z 10 %\r\x1b[32m20 %\x1b[0m\x1b[1A\r") == "20 %\ufffd[1A"
