from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
FEWEST = 40
# What must be injected where: the kind of a fault, and the stages of the way that it hits.
WANTED = {
    "daemon killed": {"images", "serve", "evaluate"},
    "container killed": {"serve", "evaluate"},
    "container paused": {"serve", "evaluate", "status"},
    "engine killed": {"serve", "status"},
    "host unreachable": {"evaluate", "status"},
    "controller killed": {"models", "images", "serve", "evaluate", "report"},
    "controller terminated": {"serve", "evaluate"},
    "controller disconnected": {"evaluate"},
    "disk full": {"models", "images", "evaluate", "report"},
    "clock jump": {"evaluate", "report"},
    "read-only file system": {"models", "images", "serve", "evaluate", "report"},
    "slow network": {"models", "images"},
    "reset network": {"models", "images", "evaluate"},
    "blackholed network": {"models", "images", "evaluate"},
    "DNS failure": {"models", "images", "evaluate"},
    "Hub fault": {"models"},
    "server fault": {"evaluate"},
    "two controllers": {"models", "serve", "evaluate"},
    "upgrade": {"evaluate"},
    "corrupted journal": {"evaluate"},
    "corrupted stamp": {"models", "images", "serve"},
    "corrupted fact cache": {"report"},
}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load(ROOT / "tools" / "make_faults_doc.py")


def test_the_page_is_what_the_marks_say(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert page == tool.page(tool.declared()), "run tools/make_faults_doc.py"


def test_what_must_be_injected_is(tool: ModuleType) -> None:
    faults = tool.declared()
    assert len(faults) >= FEWEST
    stages = {kind: {fault.stage for fault in faults if fault.kind == kind} for kind in WANTED}
    assert {kind: stages[kind] & wanted for kind, wanted in WANTED.items()} == WANTED
    assert {fault.stage for fault in faults} <= set(tool.STAGES)


def test_each_row_tells_something_of_its_own(tool: ModuleType) -> None:
    faults = tool.declared()
    texts = [fault.fault for fault in faults]
    assert len(set(texts)) == len(texts)
    for fault in faults:
        assert all((fault.sees, fault.kept, fault.next_run)), fault
        assert not any(text.endswith(".") for text in (fault.fault, fault.sees, fault.kept, fault.next_run)), fault


MARKED = """
import pytest
MARK = dict(kind="k", fault="f")

@pytest.mark.fault(kind="k", fault="one", stage="serve", sees="a | b", kept="all", next_run="goes on")
def test_one() -> None: ...

@pytest.mark.parametrize("n", [
    pytest.param(1, marks=pytest.mark.fault(
        kind="k", fault="two", stage="images", sees="c", kept="all", next_run="goes " "on")),
    2,
])
def test_two(n: int) -> None: ...

@pytest.mark.slow
def test_three() -> None: ...

ROWS = [pytest.param(1, marks=[pytest.mark.slow, pytest.mark.fault(
    kind="k", fault="four", stage="serve", sees="d", kept="all", next_run="goes on")])]

@pytest.mark.parametrize("n", ROWS)
def test_four(n: int) -> None: ...
"""


def test_marks_are_read_without_running_a_test(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "test_marked.py").write_text(MARKED)
    faults = tool.declared(tmp_path)
    assert [(fault.fault, fault.test, fault.next_run) for fault in faults] == [
        ("one", "test_marked.test_one", "goes on"),
        ("two", "test_marked.test_two", "goes on"),
        ("four", "test_marked.test_four", "goes on"),
    ]
    page = tool.page(faults)
    assert "| one | a \\| b | all | goes on |" in page
    assert page.index("## Bringing an image") < page.index("## Starting a server")


@pytest.mark.parametrize("mark", ['kind="k"', 'fault=name, kind="k", stage="s", sees="", kept="", next_run=""'])
def test_a_mark_that_says_too_little_or_no_literal_is_refused(tool: ModuleType, tmp_path: Path, mark: str) -> None:
    (tmp_path / "test_marked.py").write_text(f"@pytest.mark.fault({mark})\ndef test_one(): ...\n")
    with pytest.raises((TypeError, ValueError)):
        tool.declared(tmp_path)


@pytest.mark.parametrize(
    ("sees", "text", "expected"),
    [
        ("no space … make room", "write: no space left; make room", True),
        ("make room … no space", "write: no space left; make room", False),
        ("no space", "out of memory", False),
        ("a … a", "a", False),
        ("… a", "b a", True),
    ],
)
def test_what_was_seen_is_compared_in_order(sees: str, text: str, expected: bool) -> None:
    faults = load(ROOT / "tests" / "tools" / "faults.py")
    assert faults.foretold(sees, text) is expected
