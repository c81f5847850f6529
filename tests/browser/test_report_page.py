"""The report's page in a browser: nothing asked for, nothing hostile run, themes, widths, filter, keyboard, print."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._html_page import report_html
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import Known
from report_fleets import fleet, later_keys, servers
from test_html_page import attacked

pytest.importorskip("vl_convert", reason="vl-convert-python is not installed: run make setup")
Opened = Callable[..., Any]
SIZES = (5, 64, 200)
AFTERWARDS = 500  # milliseconds in which a page might ask for something once it is loaded
# Where to keep pictures to be looked at: make report-browser SCREENSHOTS=folder
PICTURES = os.environ.get("SCREENSHOTS")
LIGHTNESS = """element => {
  const parts = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = text => parts(text).reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  let under = element;
  while (getComputedStyle(under).backgroundColor.endsWith(", 0)")) under = under.parentElement;
  const pair = [luminance(getComputedStyle(element).color), luminance(getComputedStyle(under).backgroundColor)];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


@cache
def page_text(n_hosts: int) -> str:
    facts = fleet(n_hosts)
    return report_html(later_keys(facts) if n_hosts == 5 else facts, Known(servers=servers(n_hosts)))


def keep(page: Any, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=name.startswith("5-"))


@pytest.mark.parametrize("n_hosts", SIZES)
def test_the_page_asks_for_nothing_and_complains_of_nothing(opened: Opened, n_hosts: int) -> None:
    page = opened(page_text(n_hosts))
    page.wait_for_timeout(AFTERWARDS)
    assert [url.partition(":")[0] for url in page.asked if not url.startswith("data:")] == ["file"]
    assert page.complaints == []
    assert page.locator("h1").inner_text().endswith("Fleet verdict: bad")
    assert len(page_text(n_hosts).encode()) < 5_000_000


def test_a_request_would_be_noticed_and_is_refused(opened: Opened) -> None:
    """The test above can fail; and what the page's policy does not allow is not done."""
    alien = '<img src="http://127.0.0.1:9/x.png"><script>alert(1)</script></main>'
    page = opened(page_text(5).replace("</main>", alien))
    page.wait_for_timeout(AFTERWARDS)
    assert "http://127.0.0.1:9/x.png" in page.asked
    assert page.refused == {"http://127.0.0.1:9/x.png": "csp"}
    assert len([text for text in page.complaints if "Content Security Policy" in text]) == len(page.complaints) == 2


def test_nothing_hostile_runs(opened: Opened) -> None:
    page = opened(report_html(*attacked()))
    for element in page.locator("details").all():
        element.evaluate("element => { element.open = true; }")
    page.locator("svg [data-tip]").first.dispatch_event("pointerover")
    page.wait_for_timeout(AFTERWARDS)
    assert page.complaints == []
    assert page.locator("img, iframe").count() == 0
    assert page.locator("script").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("n_hosts", SIZES)
def test_it_fits_and_is_legible(opened: Opened, n_hosts: int, width: int, theme: str) -> None:
    page = opened(page_text(n_hosts), width, theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 150) is (theme == "dark")
    for what in (
        ".sentence",
        ".muted",
        ".badge.bad",
        ".badge.suspect",
        ".badge.good",
        ".heat .m3",
        ".heat .p1",
        "nav a",
    ):
        if page.locator(what).count():
            assert page.locator(what).first.evaluate(LIGHTNESS) >= 4.5, what
    keep(page, f"{n_hosts}-{width}-{theme}")


def test_the_theme_can_be_chosen(opened: Opened) -> None:
    page = opened(page_text(5), theme="light")
    seen = []
    for _unused in range(3):
        page.locator("#theme").click()
        seen.append(
            (page.locator("#theme").inner_text()[2:], page.evaluate("getComputedStyle(document.body).backgroundColor"))
        )
    light = "rgb(246, 247, 249)"
    assert [name for name, _colour in seen] == ["light", "dark", "auto"]
    assert [colour == light for _name, colour in seen] == [True, False, True]
    mark = page.locator('svg [fill="var(--bad)"]').first
    assert mark.evaluate("element => getComputedStyle(element).fill") == "rgb(196, 70, 1)"


def test_two_hundred_hosts_are_filtered_and_found(opened: Opened) -> None:
    page = opened(page_text(200))
    rows = page.locator(".heat tbody tr:visible")
    assert rows.count() == 200
    page.locator("#filter").fill("b200-10")
    page.locator("#shown", has_text="10 of 200 shown").wait_for()
    assert rows.count() == 10
    assert page.locator("svg .dim").count() > 5000
    page.locator("#filter").fill("")
    page.locator("#only").check()
    page.locator("#shown", has_text="of 200 shown").wait_for()
    assert rows.count() == page.locator(".attention li").count() < 20
    head = page.locator(".heat thead th").first
    page.locator("#only").uncheck()
    page.locator(".scroll.tall").evaluate("element => { element.scrollTop = 2000; }")
    assert head.is_visible()
    assert head.bounding_box()["y"] >= page.locator(".scroll.tall").bounding_box()["y"] - 1


def test_a_link_opens_its_host_and_a_mark_tells_what_it_is(opened: Opened) -> None:
    page = opened(page_text(64))
    link = page.locator(".heat tbody th a", has_text="b200-060")
    host = page.locator(link.get_attribute("href"))
    assert host.get_attribute("open") is None
    link.click()
    assert host.get_attribute("open") is not None
    mark = page.locator("svg [data-tip]").first
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    assert page.locator("#tip").inner_text() == mark.get_attribute("data-tip")


def test_the_keyboard_reaches_everything(opened: Opened) -> None:
    page = opened(page_text(5))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _unused in range(120):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("(({tagName, id, className}) => `${tagName}#${id}.${className}`)(document.activeElement)")
        )
    assert {"INPUT#filter.", "INPUT#only.", "BUTTON#theme.", "DIV#.scroll tall", "DIV#.scroll", "SUMMARY#."} <= reached
    page.locator("details.host:not([open]) > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_it_is_named_for_screen_readers(opened: Opened) -> None:
    page = opened(page_text(5))
    assert page.locator("svg:not([role=img][aria-label])").count() == 0
    unnamed = "th:not([scope]), .scroll:not([aria-label]), button:not([aria-label]):empty"
    assert page.locator(unnamed).count() == 0
    assert page.get_by_role("region", name="Scores of hosts by cell").count() == 1
    assert page.get_by_role("searchbox", name="Filter hosts by name, server or verdict").count() == 1


def test_in_print_it_is_light_and_whole(opened: Opened) -> None:
    page = opened(page_text(5), theme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".bar").is_visible()
    assert page.locator(".sentence").evaluate(LIGHTNESS) > 10
    assert page.locator(".scroll.tall").evaluate("element => element.scrollHeight <= element.clientHeight")


def test_without_scripts_everything_is_there(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_text(5))
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#filter").is_hidden()
    assert page.locator(".heat tbody tr").count() == 5
    assert page.locator("svg").count() >= 12
    context.close()
