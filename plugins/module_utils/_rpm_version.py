# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rpm_version - the order of rpm's versions. Pure. The rules: rpm-version(7)."""

from __future__ import annotations

import re
from functools import cmp_to_key

_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")


def compare(one: str, other: str) -> int:
    """Return -1, 0 or 1 for two versions, or releases, as rpmvercmp() does."""
    ours, theirs = _SEGMENT.findall(one), _SEGMENT.findall(other)
    for mine, yours in zip(ours, theirs):
        if mine != yours:
            order = _compare_segments(mine, yours)
            if order:
                return order
    if len(ours) == len(theirs):
        return 0
    longer, sign = (ours, 1) if len(ours) > len(theirs) else (theirs, -1)
    return -sign if longer[min(len(ours), len(theirs))] == "~" else sign


def newest_first(versions: list[str]) -> list[str]:
    """Return versions, each `[epoch:]version-release`, sorted; each once."""
    return sorted(set(versions), key=cmp_to_key(_compare_full), reverse=True)


def _compare_segments(mine: str, yours: str) -> int:
    # A tilde sorts before everything, even the end; a caret before everything but the end.
    for early in "~^":
        if early in (mine, yours):
            return -1 if mine == early else 1
    if mine.isdigit() != yours.isdigit():
        return 1 if mine.isdigit() else -1
    if mine.isdigit():
        return (int(mine) > int(yours)) - (int(mine) < int(yours))
    return (mine > yours) - (mine < yours)


def _compare_full(one: str, other: str) -> int:
    pairs = zip(_parts(one), _parts(other))
    return next((order for order in (compare(mine, yours) for mine, yours in pairs) if order), 0)


def _parts(text: str) -> tuple[str, str, str]:
    epoch, colon, rest = text.rpartition(":")
    version, _dash, release = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch if colon else "0", version, release
