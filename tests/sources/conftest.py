"""The wheels are downloaded before the first test; without them nothing is tested, and that is a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import wheels  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def downloaded() -> None:
    wheels.fetch()
