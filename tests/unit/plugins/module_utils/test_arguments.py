from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import number_of, numbers_of, text_of


@pytest.mark.parametrize(
    ("arguments", "text", "number", "numbers"),
    [
        ([], "", None, []),
        (["m", "--n"], "", None, []),
        (["--n", "8", "--m", "1"], "8", 8, [8]),
        (["--n=8"], "8", 8, [8]),
        (["--n", "1", "2", "--m", "3"], "1", 2, [1, 2]),
        (["--n", "1", "--n=2"], "1", 2, [1, 2]),  # vLLM takes the last
        (["--n", "main"], "main", None, []),
        (["--n=", "8"], "", None, []),
        (["--nn", "8"], "", None, []),
    ],
)
def test_an_argument_is_read_as_words_or_after_its_sign(
    arguments: list[str], text: str, number: int | None, numbers: list[int]
) -> None:
    assert (text_of(arguments, "--n"), number_of(arguments, "--n"), numbers_of(arguments, "--n")) == (
        text,
        number,
        numbers,
    )
