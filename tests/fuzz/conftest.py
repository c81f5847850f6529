"""Each fuzz test runs once, with a few examples that are always the same; with FUZZ_SECONDS all together for so long.

FUZZ_SECONDS=600 pytest tests/fuzz/test_journals.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
UNIT = HERE.parent / "unit" / "plugins"
sys.path[:0] = [str(HERE), *(str(UNIT / name) for name in ("plugin_utils", "module_utils", "filter"))]

import fuzzing  # noqa: E402

_BEGUN = time.monotonic()
_LEFT: list[str] = []


def _is_fuzzer(item: pytest.Item) -> bool:
    return HERE in item.path.parents and hasattr(getattr(item, "obj", None), "hypothesis")


def pytest_collection_finish(session: pytest.Session) -> None:
    _LEFT.extend(item.nodeid for item in session.items if _is_fuzzer(item))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a fuzz test again and again, until its share of the time that is left is spent."""
    if not fuzzing.SECONDS or not _is_fuzzer(pyfuncitem):
        return None
    now = time.monotonic()
    until = now + (_BEGUN + fuzzing.SECONDS - now) / len(_LEFT)
    _LEFT.remove(pyfuncitem.nodeid)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    while True:
        pyfuncitem.obj(**arguments)
        if time.monotonic() >= until:
            return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if fuzzing.SECONDS:
        findings = len(terminalreporter.stats.get("failed", [])) + len(terminalreporter.stats.get("error", []))
        seconds = time.monotonic() - _BEGUN
        for name, count in fuzzing.COUNTED.items():
            terminalreporter.write_line(f"fuzzed {name}: {seconds:.0f} s, {count:,} examples, {findings} findings")
