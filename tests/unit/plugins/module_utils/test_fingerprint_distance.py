from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import centre_of, distance


def text(logprobs: list[float], top: list[int], said: list[int], **about: Any) -> dict[str, Any]:
    generated = {"tokens": said, "logprobs": [-0.1 * token for token in said]}
    return {
        "name": "a", "kind": "code", "n_tokens": 3, "tokens": "id", "logprobs": logprobs, "top": top,
        "generated": generated, **about,
    }  # fmt: skip


ONE = text([-1.0, -2.0], [5, 6], [7, 8])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ONE, (0.0, 0.0, 0, 4, 0)),
        (text([-1.1, -2.3], [5, 6], [7, 8]), (0.1, 0.3, 0, 4, 0)),
        (text([-1.0, -2.0], [5, 9], [7, 8]), (0.0, 0.0, 1, 4, 0)),
        # After the first generated token that differs nothing is compared: place 2 counts, the third would not.
        (text([-1.0, -2.0], [5, 6], [9, 8]), (0.0, 0.0, 1, 3, 0)),
        # What is out of the question for both counts as far as 10.
        (text([-1.0, -9999.0], [5, 6], [7, 8]), (2.5, 10.0, 0, 4, 0)),
        (text([-5.0, -2.0], [5, 6], [7, 8], tokens="another"), (0.0, 0.0, 0, 0, 1)),
        (text([-5.0, -2.0], [5, 6], [7, 8], name="b"), (0.0, 0.0, 0, 0, 0)),
    ],
)
def test_distance(other: dict[str, Any], expected: tuple[float, ...]) -> None:
    assert tuple(distance([other], [ONE])) == pytest.approx(expected)


def test_the_centre_is_that_of_most() -> None:
    texts = [[ONE], [text([-1.2, -2.0], [5, 6], [7, 8])], [text([-9.0, -9.0], [1, 1], [1, 1])]]
    [centre] = centre_of(texts)
    assert centre["logprobs"] == [-1.2, -2.0]
    assert centre["top"] == [5, 6]
    assert centre["generated"]["tokens"] == [7, 8]


def test_generated_tokens_follow_the_way_of_most() -> None:
    texts = [[text([], [], tokens)] for tokens in ([1, 2, 3], [1, 2, 4], [1, 5, 9], [1, 5, 9], [1, 2, 3])]
    assert centre_of(texts)[0]["generated"]["tokens"] == [1, 2, 3]


def test_only_texts_that_all_have() -> None:
    assert [each["name"] for each in centre_of([[ONE, {**ONE, "name": "b"}], [ONE]])] == ["a"]
