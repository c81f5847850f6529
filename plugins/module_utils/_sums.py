# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: sums - lists of checksums as sha256sum(1) of GNU coreutils writes and checks them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class SumsError(Exception):
    """The list cannot be used. The text says what was wanted, what was found, and what to do."""


def parse(text: str, where: str = NAME) -> dict[str, str]:
    """Return the sha256 of each file by its relative name. Raises SumsError for a list that is damaged."""
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if not match or not is_plain(match[2].removeprefix("./")):
            raise SumsError(
                f"{where}, line {number}: wanted a sha256, two spaces and a relative name, found {line[:100]!r}; the "
                "list is damaged: copy it again, or make the bundle again"
            )
        sums[match[2].removeprefix("./")] = match[1]
    return sums


def render(sums: Mapping[str, str]) -> str:
    """Return the list of files in the order of their names. Raises SumsError for a name that no line can hold."""
    odd = sorted(name for name in sums if not is_plain(name))
    if odd:
        raise SumsError(f"wanted relative names without line breaks and backslashes, found {odd[0]!r}; rename it")
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def is_plain(name: str) -> bool:
    """Tell whether a name stays within its folder and fits into a line."""
    parts = name.split("/")
    return bool(name) and ".." not in parts and "" not in parts and not re.search(r"[\\\r\n\0]", name)
