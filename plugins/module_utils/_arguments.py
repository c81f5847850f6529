# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: arguments, what a server's command line says: values as words of their own, or after =. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Optional


def text_of(arguments: Sequence[str], name: str) -> str:
    """Return the first value of an argument; empty where there is none."""
    for number, word in enumerate(arguments):
        if word == name and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def number_of(arguments: Sequence[str], name: str) -> Optional[int]:
    """Return the last whole number of an argument, as vLLM takes it; None where there is none."""
    return next(reversed(numbers_of(arguments, name)), None)


def numbers_of(arguments: Sequence[str], name: str) -> list[int]:
    """Return the whole numbers of an argument, each time that it is given: as words after it, or one with =."""
    found = []
    for index, word in enumerate(arguments):
        if word == name:
            following = arguments[index + 1 :]
        elif word.startswith(f"{name}="):
            following = [word.partition("=")[2]]
        else:
            continue
        found += [int(text) for text in takewhile(str.isdigit, following)]
    return found
