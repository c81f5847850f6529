from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import KINDS, PROMPTS, Prompt, digest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_reply import (
    GENERATED,
    FingerprintError,
    reply_row,
    request_of,
)

SCORED, LONG = Prompt("a", "code", "x y z"), Prompt("b", "long context", "x y z", scored=False)
SAID = {
    "tokens": [f"token_id:{token}" for token in range(GENERATED)],
    "token_logprobs": [-0.12345] * GENERATED,
}
# The first token has none; the second is not the likeliest, the third is.
POSITIONS = [
    None,
    {"11": {"logprob": -2.5, "rank": 3}, "99": {"logprob": -0.25, "rank": 1}},
    {"12": {"logprob": -0.00001, "rank": 1}},
]


def body(positions: Any = None, said: Any = None) -> dict[str, Any]:
    choice = {"logprobs": SAID if said is None else said, "prompt_logprobs": positions}
    return {"choices": [choice], "usage": {"prompt_tokens": 3}}


def test_the_numbers_of_a_scored_text() -> None:
    row = reply_row(SCORED, body(POSITIONS))
    assert (row["logprobs"], row["top"], row["n_tokens"]) == ([-2.5, 0.0], [99, 12], 3)
    assert row["generated"]["tokens"] == list(range(GENERATED))
    assert row["generated"]["logprobs"][0] == -0.123
    assert row["tokens"] != reply_row(SCORED, body(POSITIONS[:2]))["tokens"]


def test_of_a_long_text_only_what_follows() -> None:
    row = reply_row(LONG, body())
    assert (row["logprobs"], row["top"], row["tokens"], row["n_tokens"]) == ([], [], None, 3)


@pytest.mark.parametrize(
    ("prompt", "reply", "words"),
    [
        (SCORED, body(), "expected prompt_logprobs for the text a, found none"),
        (LONG, body(said={}), f"expected {GENERATED} tokens with log-probabilities after the text b, found 0"),
        (LONG, body(said={**SAID, "tokens": ["Paris"] * GENERATED}), "expected tokens by their id"),
        (LONG, {"choices": []}, "found 0"),
    ],
)
def test_replies_without_numbers(prompt: Prompt, reply: dict[str, Any], words: str) -> None:
    with pytest.raises(FingerprintError, match=words):
        reply_row(prompt, reply)


def test_requests() -> None:
    scored, long = request_of(SCORED, "m", "salt"), request_of(LONG, "m", "salt")
    assert scored["prompt_logprobs"] == 1 and "prompt_logprobs" not in long
    for each in (scored, long):
        assert (each["temperature"], each["cache_salt"], each["max_tokens"]) == (0.0, "salt", GENERATED)


def test_the_texts_are_those_of_their_version() -> None:
    """Whoever changes a text must raise the version: stored baselines are of the texts of then."""
    assert digest() == "b1bdb5439c8a886c"
    assert {prompt.kind for prompt in PROMPTS} == set(KINDS)
    assert all(prompt.scored == (len(prompt.text) < 1000) for prompt in PROMPTS)
