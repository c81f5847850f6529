"""Log-probabilities of the simulator, read as the module reads those of vLLM."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import Distance, distance
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import PROMPTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_reply import reply_row, request_of
from simulator import chat
from simulator.answers import Generation
from simulator.conventions import Conventions
from simulator.logprobs import Weights, with_logprobs
from simulator.shapes import Context

CONTEXT = Context("id", "m", 0, "f", conventions=Conventions())


def fingerprint(weights: Weights) -> list[dict[str, Any]]:
    rows = []
    for prompt in PROMPTS:
        payload = request_of(prompt, "m", "salt")
        reply = chat.text_completion(Generation([], "Hello.", 70, 1), CONTEXT)
        rows.append(reply_row(prompt, with_logprobs(reply, payload, weights)))
    return rows


def apart(weights: Weights) -> Distance:
    return distance(fingerprint(weights), fingerprint(Weights()))


def test_servers_of_the_same_weights_agree() -> None:
    assert apart(Weights(seed=5)) == (0.0, 0.0, 0, apart(Weights()).n, 0)
    assert apart(Weights()).n > 300


@pytest.mark.parametrize(
    ("weights", "least", "most"),
    [(Weights(number=1), 0.5, 5.0), (Weights(noise=0.2), 0.1, 0.2), (Weights(noise=0.002, seed=3), 0.0005, 0.003)],
)
def test_others_do_not(weights: Weights, least: float, most: float) -> None:
    assert least < apart(weights).mean < most


def test_what_is_not_asked_for_is_not_told() -> None:
    reply = with_logprobs(chat.text_completion(Generation([], "Hi", 70, 1), CONTEXT), {"prompt": "x"}, Weights())
    assert (reply["choices"][0]["logprobs"], reply["choices"][0]["prompt_logprobs"]) == (None, None)
