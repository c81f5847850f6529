# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain


class Tagged(str):
    """A text as ansible-core marks them."""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({1: (Tagged("a"), None, True, 2, 0.5)}, {"1": ["a", None, True, 2, 0.5]}),
        ("é 😀", "é 😀"),
        ({"half \ud83d": ["\udc00"]}, {"half \ufffd": ["\ufffd"]}),
    ],
)
def test_values_are_plain_and_can_be_written(value: Any, found: Any) -> None:
    known = plain(value)
    assert known == found
    repr(known).encode()
    assert not isinstance(plain(Tagged("a")), Tagged)
