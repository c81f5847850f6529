from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _failures as tables

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_failures_doc", ROOT / "tools" / "make_failures_doc.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_tables_say(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
    assert page == tool.page(), "run tools/make_failures_doc.py"


def test_each_class_is_on_the_page(tool: ModuleType) -> None:
    page = tool.page()
    rows = [*tables.FAILURES, *tables.KERNEL, *tables.ENGINE_FAILURES, *tables.HANGS, *tables.CONCERNS, *tables.EXITS]
    for row in rows:
        assert f"| `{row.name}` |" in page
    assert "{" not in page.replace("{nofile: 1048576}", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a disk is full: {line}", "a disk is full"),
        ("no program {what}{other}", "no program …"),
        ("set ulimits: {{nofile: 1}}", "set ulimits: {nofile: 1}"),
        ("a | b", r"a \| b"),
    ],
)
def test_texts(tool: ModuleType, text: str, expected: str) -> None:
    assert tool.told(text) == expected
