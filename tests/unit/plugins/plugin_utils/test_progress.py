from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import Shower, interval_of, mode_of

MODES = [
    ("auto", {}, True, "live"),
    ("auto", {}, False, "terse"),
    ("auto", {"CI": "true"}, True, "terse"),
    ("auto", {"CI": "false"}, True, "live"),
    ("auto", {"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/1"}, True, "terse"),
    ("live", {"CI": "true"}, False, "live"),
    ("live", {"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/1"}, True, "live"),
    ("off", {}, True, "off"),
]


@pytest.mark.parametrize(("asked", "environment", "on_terminal", "mode"), MODES)
def test_modes(asked: str, environment: dict[str, str], on_terminal: bool, mode: str) -> None:
    assert mode_of(asked, environment, on_terminal) == mode


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of auto, live, terse, off; found 'loud'"):
        mode_of("loud", {})


@pytest.mark.parametrize(("mode", "lines"), [("live", "abcd"), ("terse", "ac"), ("off", "")])
def test_what_is_shown(mode: str, lines: str) -> None:
    shown: list[str] = []
    shower = Shower(mode, shown.append)
    for subject, line in (("one", "a"), ("one", "b"), ("two", "c"), ("two", "d")):
        shower.show(subject, line)
    assert "".join(shown) == lines


def test_a_large_fleet_speaks_less_often() -> None:
    assert (interval_of(1), interval_of(20), interval_of(400)) == (5.0, 5.0, 100.0)
