# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: drivers, what a GPU generation asks of the NVIDIA driver, from dated data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

DATA_FILE = Path(__file__).with_name("data") / "drivers.yml"


@dataclass(frozen=True)
class Requirement:
    """What one GPU asks of its driver; `hard_floor` is None where no source states one."""

    hard_floor: str | None
    recommended_floor: str
    open_modules: Literal["required", "allowed", "unsupported"]
    nvlink5: bool
    vllm: bool


@cache
def load_drivers(path: Path = DATA_FILE) -> dict[str, Any]:
    """Return the data file."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def requirement(generation: str | None, name: str | None = None) -> Requirement | None:
    """Return what a GPU of a generation, such as "blackwell", and of a name asks; None for an unknown generation."""
    row = load_drivers()["generations"].get(generation or "")
    if row is None:
        return None
    own: dict[str, Any] = next((model for model in row.get("models", []) if model["name"] in (name or "")), {})
    merged = {**row, **own}
    return Requirement(
        merged["hard_floor"],
        merged["recommended_floor"],
        merged["open_modules"],
        merged["nvlink5"],
        merged["vllm"],
    )


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions such as 580.95.05 or 1.17.8-1 are ordered by."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def older(version: str, floor: str) -> bool:
    """Tell whether a version is older than a floor; a floor of fewer numbers, such as 580, means the first of them."""
    return version_key(version) < version_key(floor)
