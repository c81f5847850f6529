# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: columns, typed as pandas 3 types them, without pandas.

The reference harness puts into its prompts what pandas made of a data set file. pandas guesses a type for each column,
so text is not always shown as it stands in the file: a column of "07" and "1e3" becomes 7.0 and 1000.0, and words such
as "NA" or "None" become nan. tests/differential compares these functions with pandas, through whole evals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# pandas.read_csv's default na_values.
_NOT_AVAILABLE = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"]
    + ["NULL", "NaN", "None", "n/a", "nan", "null"]
)
_INTEGER = re.compile(r"[ \t-\r]*[+-]?[0-9]+[ \t-\r]*")
_NUMBER = re.compile(r"[ \t-\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t-\r]*|(?i:[+-]?inf(?:inity)?)")
_TRUTH = {"true": True, "false": False}

# CPython converts no longer ones to integers.
_LONGEST_NUMERAL = 4300

# Text that is missing is this one object everywhere, so that list.index finds one in the place of another. Numbers that
# are missing are objects of their own, and nan differs from itself.
_NO_TEXT = float("nan")


@dataclass(frozen=True)
class Column:
    """A column's values and their type: "int64", "uint64", "float64", or "object" for all but numbers of one type."""

    kind: str
    values: Sequence[Any]


def from_csv(cells: Sequence[str]) -> Column:
    """Type one column: integers, else numbers, else truth values, else text; "not available" cells fit all of them."""
    known = [cell for cell in cells if cell not in _NOT_AVAILABLE]
    if known and all(_INTEGER.fullmatch(cell) for cell in known):
        if max(map(len, known)) > _LONGEST_NUMERAL:
            return Column("object", cells)
        return _as_integers(cells, [int(cell) for cell in known])
    if all(_NUMBER.fullmatch(cell) for cell in known):
        return Column("float64", [float("nan") if cell in _NOT_AVAILABLE else float(cell) for cell in cells])
    if all(cell.lower() in _TRUTH for cell in known):
        return Column("object", [_NO_TEXT if cell in _NOT_AVAILABLE else _TRUTH[cell.lower()] for cell in cells])
    return Column("object", [_NO_TEXT if cell in _NOT_AVAILABLE else cell for cell in cells])


def _as_integers(cells: Sequence[str], integers: Sequence[int]) -> Column:
    """Type a column whose known cells are these integers: the smallest type that holds all."""
    complete = len(integers) == len(cells)
    if _fit_int64(integers):
        if complete:
            return Column("int64", integers)
        return Column("float64", [float("nan") if cell in _NOT_AVAILABLE else float(int(cell)) for cell in cells])
    if min(integers) < -(2**63) or max(integers) >= 2**64:
        return Column("object", [_NO_TEXT if cell in _NOT_AVAILABLE else int(cell) for cell in cells])
    if complete and min(integers) >= 0:
        return Column("uint64", integers)
    return Column("object", cells)


def from_json(values: list[Any]) -> Column:
    """Make a column integers if it can be, else numbers if it can be; one value that cannot leaves all as they are."""
    if any(isinstance(value, bool) for value in values):
        return Column("object", values)
    try:
        numbers = [float("nan") if value is None else float(value) for value in values]
    except (OverflowError, TypeError, ValueError):
        return Column("object", values)
    try:
        integers = [int(value) for value in values]
    except (OverflowError, TypeError, ValueError):
        return Column("float64", numbers)
    if _fit_int64(integers) and [float(integer) for integer in integers] == numbers:
        return Column("int64", integers)
    return Column("float64", numbers)


def to_rows(columns: Sequence[Column]) -> list[tuple[Any, ...]]:
    """Turn columns into rows, as pandas' iterrows does: a row gets one type if there is one for all its values."""
    kinds = {column.kind for column in columns}
    rows = list(zip(*(column.values for column in columns)))
    if "object" not in kinds:
        return rows if len(kinds) == 1 else [tuple(float(value) for value in row) for row in rows]
    return [tuple(_NO_TEXT if _is_nan(value) else value for value in row) if _is_text(row) else row for row in rows]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_text(row: Sequence[Any]) -> bool:
    """Tell whether a row is text, where nan stands for missing text."""
    texts = sum(isinstance(value, str) for value in row)
    return texts > 0 and all(isinstance(value, str) or _is_nan(value) for value in row)


def _fit_int64(integers: Sequence[int]) -> bool:
    return all(-(2**63) <= integer < 2**63 for integer in integers)
