# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: Markdown, sections and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import visible

# A backslash before one of them would else escape the one that is put there (CommonMark, 2.4).
_BEGINNING = re.compile(r"[\\|<\[`]")


def section(title: str, body: Sequence[str], note: str = "") -> list[str]:
    """Return a section with its heading; nothing when it has no body."""
    if not body:
        return []
    return [f"## {escaped(title)}", "", *body, *(["", note] if note else [])]


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()) -> list[str]:
    """Return a table that also lines up as plain text; numbers: the headings of the right-aligned columns."""
    headings = [escaped(heading) for heading in headings]
    numbers = [escaped(heading) for heading in numbers]
    texts = [["-" if value is None or value == "" else escaped(value) for value in row] for row in rows]
    if not texts:
        return []
    widths = [max(3, *(len(row[column]) for row in (*texts, headings))) for column in range(len(headings))]
    right = [heading in numbers for heading in headings]

    def line(row: Sequence[str]) -> str:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        )
        return f"| {' | '.join(cells)} |"

    rule = ["-" * (width - 1) + ":" if to_right else "-" * width for width, to_right in zip(widths, right, strict=True)]
    return [line(headings), line(rule), *map(line, texts)]


def escaped(value: Any) -> str:
    """Return a value as one line that does not end a table's cell, and in which no HTML, link or code begins."""
    return " ".join(visible(_BEGINNING.sub(r"\\\g<0>", str(value))).split())
