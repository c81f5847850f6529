from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import (
    Answer,
    SmokeError,
    Usage,
    chat_answer,
    response_answer,
)
from replies import NEW, OLD, changed, whole

CHAT = whole(NEW, "chat-high")
RESPONSE = whole(NEW, "responses-high")
TEXT = "Good day. After long thought my answer is forty two."
REASONING = (
    "Thinking hard: first read what the user wrote, second weigh several options, third choose the best one "
    + "and give it."
)


@pytest.mark.parametrize(("read", "reply"), [(chat_answer, CHAT), (response_answer, RESPONSE)])
def test_real_replies_of_both_apis_come_to_the_same(read: Callable[[Any], Answer], reply: Any) -> None:
    assert read(reply) == Answer(TEXT, "stop", Usage(69, 46, 24), {"reasoning": REASONING})


@pytest.mark.parametrize(
    ("read", "reply", "told"), [(chat_answer, "chat", None), (response_answer, "responses-high", 0)]
)
def test_real_replies_cut_by_the_limit(read: Callable[[Any], Answer], reply: str, told: int | None) -> None:
    assert read(whole(OLD, reply)) == Answer("", "length", Usage(69, 24, told), {})


def test_reasoning_is_told_with_its_fields() -> None:
    both = changed(CHAT, "choices.0.message.reasoning_content", "Old.")
    assert chat_answer(both).reasoning == {"reasoning": REASONING, "reasoning_content": "Old."}
    only_old = changed(both, "choices.0.message.reasoning", ...)
    assert chat_answer(only_old).reasoning == {"reasoning_content": "Old."}


@pytest.mark.parametrize(
    ("read", "reply", "expected"),
    [
        (chat_answer, changed(CHAT, "object", "error"), "expected object 'chat.completion'"),
        (chat_answer, changed(CHAT, "choices", []), "expected one entry in choices"),
        (chat_answer, changed(CHAT, "choices.0.message", ...), "expected a message of the assistant"),
        (chat_answer, changed(CHAT, "choices.0.message.role", "user"), "expected a message of the assistant"),
        (chat_answer, changed(CHAT, "usage", ...), "expected the usage of tokens, found None"),
        (chat_answer, changed(CHAT, "usage.total_tokens", 5), "expected total_tokens to be the sum"),
        (chat_answer, changed(CHAT, "usage.prompt_tokens", "78"), "expected a number of prompt_tokens"),
        (chat_answer, changed(CHAT, "usage.prompt_tokens", True), "expected a number of prompt_tokens"),
        (
            chat_answer,
            changed(CHAT, "usage.completion_tokens_details.reasoning_tokens", 47),
            "expected reasoning_tokens to be a part",
        ),
        (response_answer, None, "expected a response"),
        (response_answer, changed(RESPONSE, "object", "list"), "expected object 'response'"),
        (response_answer, changed(RESPONSE, "output", None), "expected a list of outputs"),
        (response_answer, changed(RESPONSE, "usage", None), "expected the usage of tokens"),
        (response_answer, changed(RESPONSE, "usage.total_tokens", 0), "expected total_tokens to be the sum"),
        (
            response_answer,
            changed(RESPONSE, "usage.output_tokens_details.reasoning_tokens", 99),
            "expected reasoning_tokens to be a part",
        ),
    ],
)
def test_what_has_not_the_shape_is_refused(read: Callable[[Any], Answer], reply: Any, expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        read(reply)


def test_other_ends_keep_their_name() -> None:
    assert response_answer(changed(RESPONSE, "status", "failed")).finish_reason == "failed"
    cut = changed(changed(RESPONSE, "status", "incomplete"), "incomplete_details", {"reason": "content_filter"})
    assert response_answer(cut).finish_reason == "incomplete"


def test_usage_adds_up() -> None:
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6, None)
    assert Usage(1, 2, 1) + Usage(3, 4) == Usage(4, 6, 1)
    assert Usage(1, 2, 1).numbers() == {"prompt_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 1}
