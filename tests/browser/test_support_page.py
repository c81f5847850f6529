"""The page of support bundles in a browser: hosts with hostile names run nothing, load nothing, and lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._support_index import index_page
from test_hostile_text import HOSTILE

Opened = Callable[..., Any]
HOSTS = [*HOSTILE, "javascript:alert(1)//", "//127.0.0.1:9/", "http://127.0.0.1:9/", '"><img src=http://127.0.0.1:9/x>']


def page_of(names: list[str]) -> str:
    rows = [
        {"host": name, "archive": f"{name}.tar.gz", "size": 1, "problem": "", "files": [{"path": name, "bytes": 1}],
         "missing": [{"part": name, "reason": name}]}
        for name in names
    ]  # fmt: skip
    return index_page([*rows, *({"host": name, "problem": name} for name in names)], names[0])


def test_nothing_hostile_runs_or_leads_away(opened: Opened, tmp_path: Path) -> None:
    page = opened(page_of(HOSTS))
    page.wait_for_timeout(500)
    assert page.complaints == []
    assert [url.partition(":")[0] for url in page.asked] == ["file"]
    assert page.locator("script, img, iframe, svg").count() == 0
    links = page.evaluate("Array.from(document.links).map(link => link.href)")
    assert len(links) == len(HOSTS)
    assert not [link for link in links if not link.startswith(tmp_path.as_uri() + "/")]


ALIENS = ["<script>alert(1)</script>", '<p style="color:red">x</p>', "<img src=http://127.0.0.1:9/x>"]


@pytest.mark.parametrize("alien", ALIENS)
def test_what_its_policy_does_not_allow_is_noticed(opened: Opened, alien: str) -> None:
    """The test above can fail."""
    page = opened(page_of(["host"]).replace("</body>", f"{alien}</body>"))
    page.wait_for_timeout(500)
    assert any("Content Security Policy" in text for text in page.complaints)
