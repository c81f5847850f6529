# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: plain - values as other libraries know them, without ansible-core's tags and lazy containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import whole


def plain(value: Any) -> Any:
    """Return a value in plain types: a dictionary with text keys, a list, a text, a number, a boolean or None.

    Texts can be written to a file: a mark stands where one holds half a character.
    """
    if isinstance(value, Mapping):
        return {_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    kind = next((kind for kind in (int, float) if isinstance(value, kind)), _text)
    return kind(value)


def _text(value: Any) -> str:
    return whole(str(value))


def kind_of(value: Any) -> str:
    """Return what kind of value this is, in words. The value itself may be a secret."""
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "nothing"
    kinds = ((str, "a text"), (Mapping, "a dictionary"), ((list, tuple), "a list"), ((int, float), "a number"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "another kind of value")
