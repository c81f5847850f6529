# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import re
import signal
import time
from collections.abc import Callable
from functools import cache, partial
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _chart_drawing
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import differences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._html_page import report_html
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_heat import heat_map
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_samples import Shown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import Known
from report_fleets import fleet, later_keys, servers

EMPTY = {"meta", "link", "input", "br"}
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "</style></svg></pre><iframe src=//evil.example></iframe>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "javascript:alert(1)",
    "<!--<script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "\u2028alert(1)//\u2029]]>",
)


class Page(HTMLParser):
    """What a page is made of; fails where its elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.inline: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.inline[self.open[-1]] = self.inline.get(self.open[-1], "") + data
        else:
            self.words.append(data)

    def attributes(self, name: str) -> list[str]:
        return [own[name] for _tag, own in self.elements if name in own]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@cache
def facts() -> dict[str, Any]:
    return fleet(5)


@cache
def page() -> str:
    return report_html(facts(), Known(servers=servers(5)))


def attacked() -> tuple[dict[str, Any], Known]:
    """Return facts in which every name and reason that comes from outside is hostile."""
    text = json.dumps(facts())
    for number, attack in enumerate(ATTACKS[:5]):
        text = text.replace(json.dumps(f"b200-00{number + 1}")[1:-1], json.dumps(attack)[1:-1])
    found = json.loads(text)
    hosts = [host["host"] for host in found["hosts"]]
    assert hosts == list(ATTACKS[:5])
    for entry in found["scores"]:
        entry |= {"reason": ATTACKS[0], "vllm_version": ATTACKS[1], "model": ATTACKS[2], "identity": ATTACKS[3]}
    sample = dict.fromkeys(
        ("outcome", "extracted", "target", "finish_reason", "text", "error", "prompt"), "".join(ATTACKS)
    )
    shown = Shown([{**sample, "question": 1, "repeat": 0, "completion_tokens": 3, "seconds": 1.0}], 8, ATTACKS[0])
    first = found["scores"][0]
    key = (first["host"], first["server"], first["task"], first["reasoning_effort"])
    environment = differences(
        {
            host: {
                "servers": {},
                "problem": ATTACKS[0],
                "host": {"kernel": f"{number}{ATTACKS[1]}"},
                "gpu": None,
            }
            for number, host in enumerate(hosts)
        }
    )
    starts = {host: [{"name": ATTACKS[0], "stage_seconds": {ATTACKS[1]: 3.0}}] for host in hosts}
    return found, Known(starts, environment, {key: shown})


def test_the_page_is_well_formed_and_its_links_lead_somewhere() -> None:
    parsed = Page(page())
    ids = parsed.attributes("id")
    assert len(ids) == len(set(ids))
    links = parsed.attributes("href")
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(own.get("lang") == "en" for tag, own in parsed.elements if tag == "html")
    assert [tag for tag, _own in parsed.elements if tag in ("h1", "main", "title")] == ["title", "main", "h1"]


def check_that_nothing_is_loaded_or_run(text: str) -> None:
    parsed = Page(text)
    names = {name for _tag, own in parsed.elements for name in own}
    assert not {name for name in names if name.startswith("on") or name in ("src", "srcset", "style", "xlink:href")}
    assert {link for link in parsed.attributes("href") if not link.startswith("#")} == {"data:,"}
    tags = [tag for tag, _own in parsed.elements]
    assert not set(tags) & {"iframe", "img", "object", "embed", "base", "form", "image", "use", "foreignobject"}
    assert (tags.count("script"), tags.count("style")) == (1, 1)
    assert "url(" not in parsed.inline["style"] and "@import" not in parsed.inline["style"]
    policy = next(own["content"] for tag, own in parsed.elements if own.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(parsed.inline[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_nothing_is_loaded_and_only_the_pages_own_script_may_run() -> None:
    check_that_nothing_is_loaded_or_run(page())


def test_hostile_names_reasons_and_replies_stay_text() -> None:
    text = report_html(*attacked())
    check_that_nothing_is_loaded_or_run(text)
    parsed = Page(text)
    for attack in ATTACKS:
        assert attack in " ".join(parsed.words + parsed.attributes("data-tip")), attack
    assert "49" not in parsed.attributes("data-name")[0]


def test_the_verdict_comes_first_and_each_reason_is_told() -> None:
    text = Page(page()).text
    assert text.index("Fleet verdict: bad") < text.index("b200-002 is bad: GPQA") < text.index("What to look at")
    for host in facts()["hosts"]:
        for reason in host["reasons"]:
            assert " ".join(reason.split()) in text


@pytest.mark.parametrize("simulated", [True, False])
def test_a_simulated_run_says_so_in_the_title_and_first(simulated: bool) -> None:
    words = Page(report_html({**facts(), "simulated": simulated}, Known())).text
    assert words.startswith("SIMULATED BAD") is simulated
    assert ("The answers come from a simulator" in words) is simulated


def test_the_heat_map_has_each_server_and_cell_and_marks_what_is_not_good() -> None:
    rows = re.findall(r'<tr data-name="(\S+) (\w+)".*?</tr>', page(), re.DOTALL)
    assert rows[:5] == [("b200-001", "good"), ("b200-002", "bad"), ("b200-003", "void"), ("b200-004", "missing"),
                        ("b200-005", "good")]  # fmt: skip
    heat = page().partition('<table class="heat">')[2].partition("</table>")[0]
    assert heat.count('<td class="cell') == len(facts()["scores"])
    signs = re.findall(r'role="img" aria-label="(\w+)"', heat)
    assert signs == [entry["verdict"] for entry in facts()["scores"] if entry["verdict"] != "good"]
    assert "47.8" in heat and "-7.2" in heat


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "kernels", "server": "s"},
        {"kind": "fingerprint", "server": None},
    ],
    ids=lambda entry: entry["kind"],
)
def test_the_heat_map_calls_a_server_bad_whose_scores_alone_are_good(entry: dict[str, Any]) -> None:
    """A reader who ticks "only not good" must not lose a host that ran the wrong kernels."""
    score = facts()["scores"][0]
    server = entry["server"] and score["server"]
    found = {**entry, "host": score["host"], "server": server, "verdict": "bad"}
    rows = heat_map({**facts(), "findings": [found]})["rows"]
    assert [row["verdict"] for row in rows][:2] == ["bad", "bad"]
    assert [row["verdict"] for row in heat_map(facts())["rows"]][:2] == ["good", "bad"]


def test_starts_are_told_by_stage_where_they_are_known() -> None:
    text = Page(page()).text
    assert "api process" in text and "first completion" in text
    older = {"b200-001": [{"name": "s", "startup_seconds": {"created": 0.0, "weights": 10.0, "healthy": 35.5}}]}
    text = Page(report_html(facts(), Known(servers=older))).text
    assert "b200-001 s 10.0 25.5 35.5" in text
    assert 'id="startup"' not in report_html(facts(), Known())


def test_environments_are_compared_where_they_are_known() -> None:
    hosts = {
        f"b200-00{number}": {
            "servers": {},
            "problem": "",
            "host": {"kernel": "6.1" if number < 3 else "6.8"},
            "gpu": None,
        }
        for number in range(1, 4)
    }
    text = Page(report_html(facts(), Known(environment=differences(hosts)))).text
    assert "6.8 b200-003" in text
    assert "What was evaluated" in Page(page()).text


def test_findings_waivers_and_stopped_scores_are_told_where_there_are_any() -> None:
    assert 'id="findings"' not in page()
    text = Page(report_html(later_keys(copy.deepcopy(facts())), Known())).text
    for wanted in (
        "slow: 6125 tokens/s, the fleet 9800 tokens per second 6125, centre 9800",
        "Good besides: 1 fingerprint.",
        "known since Monday 2026-12-31",
        "the waiver of b200-009 has expired on 2026-01-01",
        "pass 3 of 8 594 of 1584 -0.2 1.2 -5.0 -2.1 fleet above the bound",
        "stopped after 3 of 8 repeats",
        "waived until 2026-12-31: known since Monday",
    ):
        assert wanted in text, wanted


def test_samples_are_shown_with_their_reply() -> None:
    first = facts()["scores"][0]
    sample = {
        "question": 17, "repeat": 2, "outcome": "wrong", "extracted": None, "target": "C", "finish_reason": "stop",
        "completion_tokens": 300, "seconds": 2.5, "text": "a\n\n  b", "error": "", "prompt": None,
    }  # fmt: skip
    key = (first["host"], first["server"], first["task"], first["reasoning_effort"])
    text = report_html(facts(), Known(samples={key: Shown([sample], 1584, "")}, samples_left_out=4))
    assert "<pre>a\n\n  b</pre>" in text
    words = Page(text).text
    assert "Samples of GPQA low (1 of 1584)" in words
    assert "question 17, repeat 2: answered nothing , right is C" in words
    assert "The samples of 4 scores had no room" in words
    assert "Question" not in re.findall(r"<h4>(.*?)</h4>", text)


def test_without_the_library_there_are_tables_and_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_chart_drawing, "_library", lambda: None)
    text = report_html(facts(), Known(servers=servers(5)))
    parsed = Page(text)
    assert not [tag for tag, _own in parsed.elements if tag == "svg"]
    assert "pip install vl-convert-python" in parsed.text
    assert "api process" in parsed.text and "47.8" in parsed.text


def test_a_chart_that_cannot_be_drawn_costs_the_charts_and_not_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_specs: Any) -> list[str]:
        raise _chart_drawing.DrawingError("no room for V8")

    monkeypatch.setattr(_chart_drawing, "can_draw", lambda: True)
    monkeypatch.setattr(_chart_drawing, "draw", fail)
    assert "There are no charts on this page: no room for V8" in Page(report_html(facts(), Known())).text


class Broken:
    """A library that draws nothing."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end

    def vegalite_to_svg(self, _spec: Any, **_options: Any) -> str:
        self.end()
        return "<svg/>"


def refuse() -> None:
    raise ValueError("no such mark")


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda: None, ""),
        (refuse, "could not be drawn: no such mark"),
        (partial(signal.raise_signal, signal.SIGKILL), "the drawing ended by signal 9, as for want of memory"),
        (partial(os._exit, 3), "the drawing ended with status 3"),
        (partial(time.sleep, 30), "the drawing ended without an answer in 1 s"),
    ],
    ids=["draws", "refuses", "is killed", "exits", "hangs"],
)
def test_a_library_that_dies_takes_nobody_along(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[], None], said: str
) -> None:
    monkeypatch.setattr(_chart_drawing, "_library", lambda: Broken(end))
    monkeypatch.setattr(_chart_drawing, "_SECONDS", 1.0)
    if not said:
        assert _chart_drawing.draw([{}, {}]) == ["<svg/>"] * 2
        return
    with pytest.raises(_chart_drawing.DrawingError, match=said):
        _chart_drawing.draw([{"description": "scores"}])


def test_no_charts_need_no_library() -> None:
    assert _chart_drawing.draw([]) == []


def test_the_same_facts_give_the_same_page() -> None:
    again = json.loads(json.dumps(facts()))
    assert report_html(again, Known(servers=servers(5))) == page()
