# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a regular expression as the texts that it finds, for reading: what varies is an ellipsis."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any

# The standard library has no public way to look into an expression.
_parser = importlib.import_module("re._parser")

VARIES = "…"
MOST = 12


def texts(pattern: str) -> list[str]:
    """Return the texts that a pattern finds, in its order, twelve at most. What is optional is left out."""
    found = _sequence(_parser.parse(pattern))
    plain = (re.sub(f"{VARIES}+", VARIES, text).strip() for text in found)
    return list(dict.fromkeys(text for text in plain if text))[:MOST]


def _sequence(parts: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return what parts after each other make, each of their alternatives with each."""
    made = [""]
    for kind, value in parts:
        choices = _part(str(kind), value)
        made = [text + choice for text in made for choice in choices][: MOST * 4]
    return made


def _part(kind: str, value: Any) -> list[str]:
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "IN":
        return [_one_of(value)]
    if kind == "SUBPATTERN":
        return _sequence(value[-1])
    if kind == "BRANCH":
        return [text for branch in value[1] for text in _sequence(branch)]
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        return _repeat(value[0], list(value[2]))
    return [""] if kind in ("AT", "ASSERT", "ASSERT_NOT") else [VARIES]


def _one_of(choices: list[tuple[Any, Any]]) -> str:
    """Return the first of some characters, where all are spelled out; a letter in both cases, say."""
    if all(str(kind) == "LITERAL" for kind, _value in choices):
        return chr(choices[0][1])
    return VARIES


def _repeat(least: int, parts: list[tuple[Any, Any]]) -> list[str]:
    once = _sequence(parts)
    if least == 0:
        return [VARIES] if once == [VARIES] else [""]
    return [text * least if text != VARIES else VARIES for text in once]
