"""The same replies, the same answers: extraction against the reference's, over tens of thousands of made-up replies."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
import reference
import replies
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _grading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# GPT_OSS_DIFFERENTIAL_SCALE=20 asks for twenty times as many replies, and for others on each run.
SCALE = float(os.environ.get("GPT_OSS_DIFFERENTIAL_SCALE", "1"))
SEED = 0 if SCALE == 1 else random.SystemRandom().randrange(2**32)


def assert_same(text: str) -> None:
    assert _grading.extract_letter(text)[0] == reference.letter(text), f"letter of {text!r}"
    assert _grading.extract_integer(text)[0] == reference.integer(text), f"integer of {text!r}"


@pytest.mark.parametrize(
    ("make", "count"),
    [(replies.soup, 100_000), (replies.ending, 2_000), (replies.realistic, 20_000), (replies.long, 150)],
    ids=["soup", "ending", "realistic", "long"],
)
def test_made_up_replies(make: Callable[[random.Random], str], count: int) -> None:
    rng = random.Random(f"{make.__name__} {SEED}")
    for _unused in range(round(count * SCALE)):
        assert_same(make(rng))


FRAGMENTS = st.lists(st.one_of(st.sampled_from(replies.FRAGMENTS), st.text(max_size=3)), max_size=20).map("".join)


@settings(
    max_examples=round(1_500 * SCALE),
    deadline=None,
    database=None,
    derandomize=SCALE == 1,
    suppress_health_check=list(HealthCheck),
)
@given(st.one_of(FRAGMENTS, st.text(max_size=60)))
def test_searched_replies(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize("n_digits", [4299, 4300, 4301])
@pytest.mark.parametrize("shape", ["{}", "\\boxed{{{}}}", "\\boxed{{+{}}}", "\\boxed{{1,{}}}", "\\boxed{{{}_0}}"])
def test_long_numerals(n_digits: int, shape: str) -> None:
    for digit in "17０":
        assert_same(shape.format(digit * n_digits))


def test_the_makers_reach_every_rule() -> None:
    """Replies that never trigger a rule would prove nothing about it."""
    rng = random.Random(1)
    made = [_grading._Reply(make(rng)) for make in (replies.soup, replies.realistic) for _unused in range(5_000)]
    deciding = {
        next((rule.__name__ for rule in _grading._LETTER_RULES if rule(reply)), "first character") for reply in made
    }
    assert deciding == {rule.__name__ for rule in _grading._LETTER_RULES} | {"first character"}
