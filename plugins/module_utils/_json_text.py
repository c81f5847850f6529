# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: JSON text, read so that whatever is wrong with it is one kind of error.

json.loads raises RecursionError for what is nested too deep, which those who expect ValueError do not catch; and for
bytes that are no text, and for numbers that are too long, it says what helps programmers alone.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Optional, Union


def loads(text: Union[str, bytes], parse_constant: Optional[Callable[[str], Any]] = None) -> Any:
    """Return what a JSON text says; `parse_constant` is json.loads's. Raises ValueError for all that cannot be read."""
    try:
        return json.loads(text, parse_constant=parse_constant)
    except RecursionError as exc:
        raise ValueError("it is nested too deep") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"it is no UTF-8 text from byte {exc.start} on") from exc
    except json.JSONDecodeError:
        raise
    except ValueError as exc:
        if "int_max_str_digits" in str(exc):
            raise ValueError("it holds a number of too many digits") from exc
        raise
