from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _smoke as smoke
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError

MODEL = "openai/gpt-oss-20b"
USAGE = {"prompt_tokens": 78, "completion_tokens": 39, "total_tokens": 117}
CHAT = {
    "object": "chat.completion",
    "choices": [
        {
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "The capital of France is **Paris**.", "reasoning": "Easy."},
        }
    ],
    "usage": USAGE,
}
RESPONSE = {
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Easy."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Paris."}]},
    ],
    "usage": {"input_tokens": 78, "output_tokens": 39, "total_tokens": 117},
}


def chunk(content: str | None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"delta": {"content": content}, "finish_reason": finish_reason}]
    return {"object": "chat.completion.chunk", "choices": choices, **more}


CHUNKS = [
    chunk(None),
    chunk("The capital is Pa"),
    chunk("ris.", "stop"),
    {**chunk(None), "choices": [], "usage": USAGE},
]


class FakeApi(Api):
    """Answers as told, and keeps what it was asked."""

    def __init__(self, **replies: Any) -> None:
        self.replies = {"models": [{"id": MODEL}], "chat": CHAT, "stream": CHUNKS, "responses": RESPONSE, **replies}
        self.asked: list[tuple[str, Any]] = []

    def _reply(self, way: str, payload: Any) -> Any:
        self.asked.append((way, payload))
        reply = self.replies[way]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def models(self) -> list[dict[str, Any]]:
        return self._reply("models", None)

    def chat(self, payload: dict[str, Any]) -> dict[str, Any]:
        return self._reply("chat", payload)

    def responses(self, payload: dict[str, Any]) -> dict[str, Any]:
        return self._reply("responses", payload)

    def stream(self, path: str, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from self._reply("stream", payload)


def run(api: Api, expect: str = "Paris", **options: Any) -> list[smoke.Check]:
    plan = smoke.Plan(MODEL, "What is the capital of France?", expect, options.pop("efforts", ["low"]), **options)
    return smoke.run_checks(api, plan, clock=lambda: 0.0)


def changed(reply: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value replaced, or removed when it is Ellipsis."""
    copied = copy.deepcopy(reply)
    *parents, last = path.split(".")
    place: Any = copied
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


def test_all_is_well() -> None:
    api = FakeApi()
    checks = run(api, efforts=["low", "medium", "high"])
    assert [check.name for check in checks[:4]] == ["models", "chat low", "chat stream low", "responses low"]
    assert len(checks) == 10
    assert not smoke.failures(checks)
    assert sum((check.usage for check in checks), smoke.Usage()) == smoke.Usage(78 * 9, 39 * 9)
    assert [payload["reasoning_effort"] for way, payload in api.asked if way == "chat"] == ["low", "medium", "high"]
    assert [payload["reasoning"] for way, payload in api.asked if way == "responses"][2] == {"effort": "high"}


def test_a_limit_is_sent_under_the_name_that_each_way_knows() -> None:
    api = FakeApi()
    run(api, max_tokens=5)
    sent = dict(api.asked)
    assert (sent["chat"]["max_tokens"], sent["stream"]["max_tokens"]) == (5, 5)
    assert sent["responses"]["max_output_tokens"] == 5


def test_without_the_model_nothing_else_is_asked() -> None:
    api = FakeApi(models=[{"id": "other"}])
    assert smoke.failures(run(api)) == [f"models: expected the model {MODEL}, the server lists other"]
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("way", "reply", "expected"),
    [
        ("chat", ApiError("status 500: broken", 500), "chat low: status 500: broken"),
        ("chat", changed(CHAT, "object", "error"), "expected object 'chat.completion'"),
        ("chat", changed(CHAT, "choices", []), "expected one entry in choices"),
        ("chat", changed(CHAT, "choices.0.message", ...), "expected a message of the assistant"),
        ("chat", changed(CHAT, "choices.0.message.content", None), "expected an answer, found no visible text"),
        (
            "chat",
            changed(CHAT, "choices.0.message.content", "Berlin."),
            "expected 'Paris' in the answer, found 'Berlin.'",
        ),
        ("chat", changed(CHAT, "choices.0.finish_reason", "length"), "expected the reply to end by itself"),
        ("chat", changed(CHAT, "usage", ...), "expected the usage of tokens, found None"),
        ("chat", changed(CHAT, "usage.total_tokens", 5), "expected total_tokens to be the sum"),
        ("chat", changed(CHAT, "usage.prompt_tokens", "78"), "expected a number of prompt_tokens"),
        ("stream", [], "chat stream low: expected the usage of tokens"),
        ("stream", [*CHUNKS[:1], *CHUNKS[3:]], "expected the reply to end by itself"),
        ("stream", [changed(CHUNKS[0], "object", "x")], "expected object 'chat.completion.chunk'"),
        ("stream", ApiError("no reply"), "chat stream low: no reply"),
        ("responses", changed(RESPONSE, "status", "incomplete"), "it ended with 'incomplete'"),
        ("responses", changed(RESPONSE, "output", []), "responses low: expected an answer, found no visible text"),
        ("responses", changed(RESPONSE, "output", None), "expected a list of outputs"),
        ("responses", changed(RESPONSE, "usage.output_tokens", 0), "expected tokens to be counted"),
        ("responses", changed(RESPONSE, "usage", None), "expected the usage of tokens"),
    ],
)
def test_what_is_wrong_is_said(way: str, reply: Any, expected: str) -> None:
    failed = smoke.failures(run(FakeApi(**{way: reply})))
    assert len(failed) == 1
    assert expected in failed[0]


def test_all_failures_are_listed() -> None:
    api = FakeApi(chat=ApiError("one"), responses=ApiError("two"))
    assert smoke.failures(run(api)) == ["chat low: one", "responses low: two"]


def test_without_expectation_tokens_suffice() -> None:
    silent = changed(CHAT, "choices.0.message.content", None)
    api = FakeApi(chat=silent, responses=changed(RESPONSE, "output", []))
    assert not smoke.failures(run(api, expect=""))
