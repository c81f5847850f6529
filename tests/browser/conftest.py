"""A headless Chromium without any network. Tests are skipped where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit" / "plugins" / "plugin_utils"))
# Milliseconds. The machine may be busy; what is tested is what happens, not how fast.
PATIENCE = 180_000
Opened = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: run make report-browser")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium: install the distribution's chromium, or name one in the variable CHROMIUM")
    with api.sync_playwright() as driver:
        # Chromium's own sandbox does not start as root.
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """Open a page's text from disk; what it asked for and what went wrong is in `page.asked`,
    `page.refused` and `page.complaints`."""
    contexts = []

    def open_page(text: str, width: int = 1440, theme: str = "light") -> Any:
        file = tmp_path / "report.html"
        file.write_text(text)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.asked, page.complaints, page.refused = [], [], {}
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.refused.update({request.url: request.failure}))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (page.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
