# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: JSON text, read so that whatever is wrong with it is one kind of error.

json.loads raises RecursionError for what is nested too deep, which those who expect ValueError do not catch; and for
bytes that are no text it says what helps programmers alone. It takes Infinity and NaN, which JSON does not have
(RFC 8259, section 6), and numbers beyond all floats, with which half of all arithmetic raises OverflowError.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, Union

_MOST_DIGITS = 308  # of 10 raised to this, the largest power of ten that is a float


def loads(text: Union[str, bytes]) -> Any:
    """Return what a JSON text says. Raises ValueError for all that cannot be read."""
    try:
        return json.loads(text, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except RecursionError as exc:
        raise ValueError("it is nested too deep") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"it is no UTF-8 text from byte {exc.start} on") from exc


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds the constant {name}, which JSON does not have")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"it holds the number {text[:20]}, which is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("it holds a number of too many digits")
    return int(digits)
