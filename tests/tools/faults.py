# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests that inject a fault have: `seen`, and as a plugin (pytest -p faults) the table at the end.

A row is as expected when all tests of its mark passed, and what they took down bears the words that the mark foretells.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from make_faults_doc import TESTS, Fault, declared  # noqa: E402  (the path comes first)

Seen = Callable[[object], None]
ROWS = pytest.StashKey[dict[str, dict[str, str]]]()
MEMORY = "faults/rows"
WIDTHS = (38, 48, 60)


def foretold(sees: str, text: str) -> bool:
    """Tell whether a text bears the words of a mark, in their order; … stands for anything."""
    at = 0
    for words in sees.split("…"):
        found = text.find(words.strip(), at)
        if found < 0:
            return False
        at = found + len(words.strip())
    return True


@pytest.fixture
def seen(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Seen]:
    """Take down what a run under the fault told: it must be what the test's mark foretells. Each test tells once."""
    mark = request.node.get_closest_marker("fault")
    told: list[str] = []

    def tell(what: object) -> None:
        text = " ".join(str(what).split())
        told.append(text)
        record_property("seen", text)
        assert mark is None or foretold(mark.kwargs["sees"], text), text

    yield tell
    failed = getattr(request.node, "fault_failed", False)
    assert told or mark is None or failed, "the test told nothing of what was seen"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Note which fault a report is of: it may be made in another process than the table."""
    report = yield
    mark = item.get_closest_marker("fault")
    if mark is not None:
        name = f"{item.path.stem}.{getattr(item, 'originalname', item.name)}"
        report.user_properties.append(("fault", Fault(**mark.kwargs, test=name).key))
        item.fault_failed = report.failed  # type: ignore[attr-defined]
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Begin with what is known of the run before, when its failures alone are run again."""
    again = config.getoption("lf", False)
    config.stash[ROWS] = dict(config.cache.get(MEMORY, {})) if again and config.cache else {}


class Table:
    """Gathers reports; one of a controller of several processes sees those of all of them."""

    def __init__(self, rows: dict[str, dict[str, str]]) -> None:
        self.rows = rows
        self._fresh: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what was seen; a row whose tests did not all pass is none that is as expected."""
        properties = dict(report.user_properties)
        key = str(properties.get("fault", ""))
        if not key or (report.when != "call" and report.passed):
            return
        row = self.rows.get(key, {}) if key in self._fresh else {}
        self._fresh.add(key)
        outcome = report.outcome if row.get("outcome", "passed") == "passed" else row["outcome"]
        self.rows[key] = {"seen": str(properties.get("seen", row.get("seen", ""))), "outcome": outcome}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have the reports gathered."""
    session.config.pluginmanager.register(Table(session.config.stash[ROWS]), "faults-table")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail when all were to run and one did not, or was skipped; in the process that has all reports."""
    yield
    if hasattr(session.config, "workerinput"):
        return
    rows = session.config.stash[ROWS]
    if session.config.cache:
        session.config.cache.set(MEMORY, rows)
    missing = [fault for fault in declared() if rows.get(fault.key, {}).get("outcome") != "passed"]
    if missing and session.exitstatus == pytest.ExitCode.OK and _whole(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _whole(config: pytest.Config) -> bool:
    return all(Path(argument).resolve() == TESTS for argument in config.args) and not config.getoption("collectonly")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    rows, faults = config.stash[ROWS], declared()
    told = [(fault, rows[fault.key]) for fault in faults if fault.key in rows]
    terminalreporter.section("faults")
    terminalreporter.write_line(_line(("fault", "expected", "seen")))
    for fault, row in told:
        for line in _lines(fault, row):
            terminalreporter.write_line(line)
    good = sum(row["outcome"] == "passed" for _fault, row in told)
    terminalreporter.write_line(f"{good} of {len(told)} rows as expected; {len(faults) - len(told)} not run")


def _lines(fault: Fault, row: dict[str, str]) -> list[str]:
    """Return a row's lines: the expected words are shown where they stand in what was seen."""
    good = row["outcome"] == "passed"
    texts = (f"[{fault.stage}] {fault.fault}", fault.sees, excerpt(fault.sees, row["seen"]))
    cells = [textwrap.wrap(text, width) or [""] for text, width in zip(texts, WIDTHS)]
    height = max(map(len, cells))
    lines = [_line(tuple(cell[n] if n < len(cell) else "" for cell in cells)) for n in range(height)]
    return [f"{lines[0]:<{sum(WIDTHS) + 4}}  {'as expected' if good else row['outcome'].upper()}", *lines[1:], ""]


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS)).rstrip()


def excerpt(sees: str, text: str, around: int = 40, most: int = 300) -> str:
    """Return the part of a long text that bears the foretold words, with a little around it."""
    first = max(0, text.find(sees.split("…")[0].strip()) - around)
    part = text[first : first + most]
    return ("…" if first else "") + part + ("…" if first + most < len(text) else "")
