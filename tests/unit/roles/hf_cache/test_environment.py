"""The script that makes the managed environment, run with stand-ins for Python and pip."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[4] / "roles/hf_cache/files/environment.sh").read_text()

# A Python whose version and venv are told by its name; as `-m venv` it makes a folder with itself in it.
STAND_IN = """#!/bin/sh
echo "$0 $*" >> "$LOG"
case "$*" in
    --version) echo "Python 3.9.1" ;;
    *ensurepip*) test "$KIND" = good ;;
    -c*) test "$KIND" != old ;;
    "-m venv"*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && touch "$4/bin/pip" && chmod +x "$4/bin/pip" ;;
    "-m pip"*) cat >> "$LOG"; test "$PIP" != bad ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.12"):
        (tmp_path / "bin" / name).write_text(STAND_IN)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(folder: Path, kind: str = "good", stamp: str = "1", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{folder}/bin:/usr/bin:/bin",
        "LOG": str(folder / "log"),
        "KIND": kind,
        "PIP": "good",
        "TARGET": str(folder / "venv"),
        "STAMP": str(folder / "venv" / f".requirements-{stamp}"),
        **variables,
    }
    return subprocess.run(
        ["sh", "-c", SCRIPT], env=environment, input="docker==1\n", capture_output=True, text=True, check=False
    )


def calls(folder: Path) -> str:
    return (folder / "log").read_text()


def stamps(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "venv").glob(".requirements-*"))


def test_made_then_brought_up_to_date(folder: Path) -> None:
    first = run(folder)
    assert first.returncode == 0, first.stderr
    assert f"-m venv --clear {folder}/venv" in calls(folder)
    assert "docker==1" in calls(folder)
    assert stamps(folder) == [".requirements-1"]
    (folder / "log").unlink()
    assert run(folder, stamp="2").returncode == 0
    assert "-m venv" not in calls(folder)
    assert "-m pip" in calls(folder)
    assert stamps(folder) == [".requirements-2"]


def test_from_a_folder_of_wheels(folder: Path) -> None:
    assert run(folder, WHEELS="/srv/my wheels").returncode == 0
    assert "--no-index --find-links /srv/my wheels" in calls(folder)


def test_the_python_that_is_named_is_taken(folder: Path) -> None:
    assert run(folder, PYTHON=f"{folder}/bin/python3.12").returncode == 0
    assert f"{folder}/bin/python3.12 -m venv" in calls(folder)


def test_pip_fails(folder: Path) -> None:
    assert run(folder, PIP="bad").returncode != 0
    assert stamps(folder) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("without venv", "without venv and ensurepip; on Debian and Ubuntu: apt-get install python3-venv"),
        ("old", "CPython 3.10 or newer; found Python 3.9.1; install one"),
    ],
)
def test_no_python_that_will_do(folder: Path, kind: str, expected: str) -> None:
    result = run(folder, kind, PYTHON="python3")
    assert result.returncode != 0
    assert expected in result.stderr
    assert not (folder / "venv").exists()
