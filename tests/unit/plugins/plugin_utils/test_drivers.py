"""What a GPU generation asks of the driver."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import load_drivers, older, requirement


@pytest.mark.parametrize(
    ("generation", "name", "expected"),
    [
        ("blackwell", "NVIDIA B200", ("570.133.20", "580", "required", True, True)),
        ("blackwell", "NVIDIA B300 SXM6 AC", ("580.82.07", "580", "required", True, True)),
        ("blackwell", "NVIDIA GB300", ("595.58.03", "580", "required", True, True)),
        ("hopper", "NVIDIA H200", ("550.90.07", "580", "allowed", False, True)),
        ("hopper", "NVIDIA H100 80GB HBM3", ("525.85.12", "580", "allowed", False, True)),
        ("hopper", None, ("525.85.12", "580", "allowed", False, True)),
        ("volta", "Tesla V100", (None, "580", "unsupported", False, False)),
    ],
)
def test_what_a_gpu_asks(generation: str, name: str | None, expected: tuple[Any, ...]) -> None:
    found = requirement(generation, name)
    assert found is not None
    own = (found.hard_floor, found.recommended_floor, found.open_modules, found.nvlink5, found.vllm)
    assert own == expected


@pytest.mark.parametrize("generation", [None, "", "vera"])
def test_an_unknown_generation_asks_nothing_known(generation: str | None) -> None:
    assert requirement(generation) is None


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [
        ("570.133.20", "570.133.20", False),
        ("570.124.06", "570.133.20", True),
        ("575.51.03", "580", True),
        ("580.65.06", "580", False),
        ("1.17.8-1", "1.17", False),
        ("1.9.0", "1.17", True),
    ],
)
def test_floors(version: str, floor: str, expected: bool) -> None:
    assert older(version, floor) is expected


def test_each_statement_names_a_dated_source() -> None:
    data = load_drivers()
    for source in data["sources"].values():
        assert source["source"]
        date.fromisoformat(source["date"])
    for name, row in data["generations"].items():
        assert row["sources"], name
        assert set(row["sources"]) <= set(data["sources"]), name
        assert row["open_modules"] in ("required", "allowed", "unsupported"), name
