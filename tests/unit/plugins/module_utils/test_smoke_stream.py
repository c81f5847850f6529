from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Event
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, SmokeError, Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_stream import (
    chat_stream_answer,
    response_stream_answer,
)
from replies import NEW, event_changed, events, where

CHAT = events(NEW, "chat-stream")
RESPONSE = events(NEW, "responses-stream")
REASONING = "The user wants an answer. I will reply politely."
WANTED = Answer("Hello there, this is the medium reply.", "stop", Usage(69, 30, 11), {"reasoning": REASONING})

FINISH = where(CHAT, lambda data: data["choices"] and data["choices"][0]["finish_reason"])
ADDED = where(RESPONSE, lambda data: data["type"] == "response.output_item.added")
TEXT = where(RESPONSE, lambda data: data["type"] == "response.output_text.delta")


def test_real_streams_come_to_the_same() -> None:
    assert chat_stream_answer(CHAT) == WANTED
    assert response_stream_answer(RESPONSE, pieces_whole=True) == WANTED


def test_the_last_piece_may_bring_the_finish_reason() -> None:
    joined = event_changed(CHAT, FINISH - 1, "choices.0.finish_reason", "length")
    answer = chat_stream_answer([*joined[:FINISH], *joined[FINISH + 1 :]])
    assert (answer.finish_reason, answer.text) == ("length", WANTED.text)


def renamed(number: int, name: str) -> list[Event]:
    copied = list(RESPONSE)
    copied[number] = copied[number]._replace(name=name)
    return copied


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ([], "expected one finish reason"),
        (CHAT[:-3], "expected one finish reason in the stream, found none"),
        (CHAT[:-1], r"expected \[DONE\] at the end"),
        ([*CHAT[:-2], CHAT[-1]], "expected the usage of tokens"),
        ([*CHAT, CHAT[0]], r"expected nothing after \[DONE\]"),
        (CHAT[1:], "expected the role assistant in the first chunk, found None"),
        ([*CHAT[: FINISH + 1], *CHAT[FINISH:]], "expected nothing after the finish reason 'stop'"),
        ([*CHAT[: FINISH + 1], CHAT[FINISH - 1], *CHAT[FINISH + 1 :]], "expected nothing after the finish reason"),
        (event_changed(CHAT, 3, "id", "chatcmpl-other"), "expected one id in all chunks"),
        (event_changed(CHAT, 3, "object", "x"), "expected object 'chat.completion.chunk'"),
        (event_changed(CHAT, 3, "choices", None), "expected one entry in choices"),
        (event_changed(CHAT, -2, "usage.total_tokens", 1), "expected total_tokens to be the sum"),
    ],
)
def test_a_chat_stream_that_is_not_well_formed(stream: list[Event], expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        chat_stream_answer(stream)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ([], "expected response.completed at the end"),
        (RESPONSE[:-1], "expected response.completed at the end of the stream, found .*output_item.done"),
        (RESPONSE[1:], "expected response.created first"),
        ([RESPONSE[0], *event_changed(RESPONSE, 0, "sequence_number", 0)], "sequence_number above 0"),
        ([*RESPONSE, RESPONSE[-1]], "expected nothing after response.completed"),
        ([*RESPONSE[:ADDED], *RESPONSE[ADDED + 1 :]], "expected response.output_item.added before"),
        ([*RESPONSE[:TEXT], *RESPONSE[TEXT + 1 :]], "expected the pieces of response.output_text.delta to add up"),
        (event_changed(RESPONSE, TEXT, "delta", "Bye"), "expected the pieces of response.output_text.delta to add up"),
        (event_changed(RESPONSE, TEXT, "sequence_number", 3), "expected a sequence_number above"),
        (event_changed(RESPONSE, TEXT, "sequence_number", ...), "expected a sequence_number above .* found None"),
        (renamed(TEXT, "message"), "expected an event named as its type"),
        (event_changed(RESPONSE, -1, "response.usage", None), "expected the usage of tokens"),
        (event_changed(RESPONSE, -1, "response", None), "expected object 'response'"),
    ],
)
def test_a_response_stream_that_is_not_well_formed(stream: list[Event], expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        response_stream_answer(stream, pieces_whole=True)


def test_pieces_that_old_versions_lose_are_no_fault() -> None:
    lost: Any = [*RESPONSE[:TEXT], *RESPONSE[TEXT + 1 :]]
    assert response_stream_answer(lost, pieces_whole=False) == WANTED
    silent = [event for event in RESPONSE if not event.name.endswith("output_text.delta")]
    with pytest.raises(SmokeError, match="add up"):
        response_stream_answer(silent, pieces_whole=False)
