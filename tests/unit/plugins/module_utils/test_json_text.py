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
        ("1" + "0" * 308, "a number of too many digits"),
        ("-1e309", "the number -1e309, which is too large"),
        ('{"a": -Infinity}', "the constant -Infinity, which JSON does not have"),
        (b"[NaN]", "the constant NaN"),
        ("{", "Expecting property name"),
    ],
)
def test_whatever_is_wrong_is_one_kind_of_error(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _json_text.loads(text)


def test_what_is_right_is_read() -> None:
    assert _json_text.loads(b'{"a": [1, null, -0.5, 1e308]}') == {"a": [1, None, -0.5, 1e308]}
    assert float(_json_text.loads("9" * 308)) == 1e308
