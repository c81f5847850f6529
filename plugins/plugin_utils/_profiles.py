# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: profiles - what a profile gives an entry that does not say otherwise, by model and GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DEFAULT_PROFILE = "reference"


def profile_row(rows: Sequence[Mapping[str, Any]], model: str, family: str | None) -> Mapping[str, Any]:
    """Return the first row of a profile that holds model and GPU family; an empty one when none does."""
    for row in rows:
        if model not in row.get("models", [model]):
            continue
        if "gpu_families" not in row or family in row["gpu_families"]:
            return row
    return {}


def profile_problems(profile: str, profiles: Mapping[str, Any], name: str, recipe: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the profile that an entry of recipe `name` asks for."""
    allowed = recipe.get("profiles")
    if profile == DEFAULT_PROFILE:
        return
    if profile not in profiles:
        yield f"unknown profile '{profile}'; known: {', '.join(sorted({DEFAULT_PROFILE, *profiles}))}"
    elif allowed is not None and profile not in allowed:
        yield f"recipe '{name}' has no profile '{profile}'; use recipe current, or take profile out"
