from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'"\xff"', "no UTF-8 text from byte 1 on"),
        ("1" * 5000, "a number of too many digits"),
        ("{", "Expecting property name"),
    ],
)
def test_whatever_is_wrong_is_one_kind_of_error(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _json_text.loads(text)


def test_what_is_right_is_read() -> None:
    assert _json_text.loads(b'{"a": [1, null]}') == {"a": [1, None]}
