from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _python_finder


class Commands:
    """Pythons in a folder on PATH, each with what it says of itself: version, venv, ensurepip."""

    def __init__(self, folder: Path, pythons: dict[str, object]) -> None:
        self.answers = {}
        for name, answer in pythons.items():
            path = folder / name
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
            self.answers[str(path)] = answer

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        answer = self.answers[command[0]]
        return (1, "", "broken") if answer is None else (0, json.dumps(answer), "")


WHOLE, NO_PIP, OLD, NEWER = (
    [[3, 11, 2], True, True],
    [[3, 11, 2], True, False],
    [[3, 9, 1], True, True],
    [[3, 15, 0], True, True],
)


@pytest.mark.parametrize(
    ("pythons", "wanted", "pip_wheel", "expected"),
    [
        ({"python3": WHOLE, "python3.12": [[3, 12, 0], True, True]}, "", False, "python3"),
        ({"python3": OLD, "python3.12": [[3, 12, 0], True, True]}, "", False, "python3.12"),
        ({"python3": None, "python3.10": [[3, 10, 0], True, True]}, "", False, "python3.10"),
        ({"python3": NO_PIP, "python3.12": WHOLE}, "", False, "python3.12"),
        ({"python3": NO_PIP}, "", False, None),
        ({"python3": NO_PIP}, "", True, "python3"),
        ({"python3": NEWER, "python3.13": [[3, 13, 0], True, True]}, "", False, "python3.13"),
        ({"python3": NEWER}, "", False, "python3"),
        ({"python3": WHOLE, "python3.10": [[3, 10, 0], True, True]}, "python3.10", False, "python3.10"),
        ({"python3": WHOLE}, "python3.10", False, None),
        ({}, "", False, None),
    ],
)
def test_find(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pythons: dict[str, object],
    wanted: str,
    pip_wheel: bool,
    expected: str | None,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found, _seen = _python_finder.find(wanted, pip_wheel, Commands(tmp_path, pythons))
    assert (Path(found.command).name if found else None) == expected


@pytest.mark.parametrize(
    ("pythons", "wanted", "expected"),
    [
        ({"python3": OLD}, "", "wanted a Python of 3.10 or newer; found {folder}/python3 3.9.1; install one"),
        ({}, "python3.12", "wanted python3.12 of 3.10 or newer; found none that runs; install one"),
        ({"python3": NO_PIP}, "", "found {folder}/python3 3.11.2 without venv or ensurepip; install python3-venv"),
    ],
)
def test_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pythons: dict[str, object], wanted: str, expected: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found, seen = _python_finder.find(wanted, False, Commands(tmp_path, pythons))
    assert found is None
    assert expected.format(folder=tmp_path) in _python_finder.lacking(wanted, seen)
