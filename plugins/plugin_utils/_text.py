# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: text, how scores, p values and names are written in tables and sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS


def task_title(task: str) -> str:
    """Return the usual spelling of a task's name."""
    return TASKS[task].title if task in TASKS else task


def points(share: float | None, digits: int = 1, signed: bool = False) -> str:
    """Return a share in points: 0.5612... is 56.1. Halves are rounded up as in published tables: 0.8625 is 86.3."""
    if share is None:
        return "-"
    value = (Decimal(repr(float(share))) * 100).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    value = value or abs(value)  # no "-0.0"
    return f"{value:+f}" if signed else f"{value:f}"


def p_value(p: float) -> str:
    """Return a p value in a few characters."""
    if p < 1e-300:
        return "p < 1e-300"
    if p < 0.001:
        mantissa, exponent = f"{p:.0e}".split("e")
        return f"p = {mantissa}e{int(exponent)}"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def shortened(text: str, width: int) -> str:
    """Return a text of at most this many characters, its middle replaced by ~ where it is longer."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}~{text[len(text) - tail :]}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names as they stand in a sentence: "a, b and c", "a, b, c and 4 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def paragraph(text: str, width: int) -> str:
    """Return a text in lines of at most so many characters; names with hyphens, as hosts have, stay whole."""
    return textwrap.fill(text, width, break_on_hyphens=False)
