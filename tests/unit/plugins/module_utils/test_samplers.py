from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import (
    SAMPLERS,
    Reply,
    ReplyError,
    error_text,
)

PROMPT = 'Say "é"\n\\boxed{1} \x00'


def chat(content: Any, finish: str = "stop", **usage: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": None, "reasoning": "Brief thought."}
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        **usage,
    }


def responses(output: list[dict[str, Any]], status: str = "completed", **rest: Any) -> dict[str, Any]:
    return {"object": "response", "status": status, "output": output, "incomplete_details": None, **rest}


def message(*texts: str | None) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t} for t in texts]}


REASONING = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
CHAT_USAGE = {"prompt_tokens": 69, "total_tokens": 86, "completion_tokens": 17}
USAGE = {"input_tokens": 69, "output_tokens": 17, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 86}

# Shapes as sent by vLLM 0.32.0 (CPU) and 0.22.1 (one H200).
REPLIES: list[tuple[str, dict[str, Any], Reply]] = [
    (
        "chat_completions",
        chat("Hello!", usage={**CHAT_USAGE, "completion_tokens_details": {"reasoning_tokens": 3}}),
        Reply("Hello!", "stop", 69, 17, 3),
    ),
    ("chat_completions", chat(None, "length", usage=CHAT_USAGE), Reply("", "length", 69, 17, None)),
    ("chat_completions", chat("", "stop"), Reply("", "stop", None, None, None)),
    ("responses", responses([REASONING, message("Hello!")], usage=USAGE), Reply("Hello!", "stop", 69, 17, 3)),
    ("responses", responses([message("a", "b"), message("c", None)], usage=USAGE), Reply("abc", "stop", 69, 17, 3)),
    (
        "responses",
        responses([], "incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=USAGE),
        Reply("", "length", 69, 17, 3),
    ),
    (
        "responses",
        responses([message("x")], "incomplete", incomplete_details={"reason": "content_filter"}),
        Reply("x", "content_filter", None, None, None),
    ),
]


@pytest.mark.parametrize(("sampler", "document", "reply"), REPLIES)
def test_replies(sampler: str, document: dict[str, Any], reply: Reply) -> None:
    assert SAMPLERS[sampler]("m", "low", 1.0, 9).parse(json.dumps(document).encode()) == reply


@pytest.mark.parametrize(
    ("sampler", "body", "status", "text"),
    [
        ("chat_completions", b'{"error":{"message":"too long","type":"BadRequest","code":400}}', 400, "too long"),
        ("responses", b'{"object":"error","message":"no such model","code":404}', 404, "no such model"),
        ("responses", b'{"status":"failed","error":{"code":"server_error","message":"boom"},"output":[]}', 500, "boom"),
        ("responses", b'{"status":"cancelled","output":[]}', 500, "cancelled"),
        ("chat_completions", b'{"error":"Unauthorized"}', 500, "Unauthorized"),
        ("chat_completions", b'{"choices":[]}', 502, "has not the shape"),
        ("chat_completions", b'{"choices":[{"message":{"content":7}}]}', 502, "has not the shape"),
        ("responses", b'{"output":null,"status":"completed"}', 502, "has not the shape"),
        ("responses", b'{"output":[', 502, "not JSON"),
        ("responses", b"[]", 502, "not a JSON object"),
    ],
)
def test_reply_errors(sampler: str, body: bytes, status: int, text: str) -> None:
    with pytest.raises(ReplyError, match=text) as caught:
        SAMPLERS[sampler]("m", "low", 1.0, 9).parse(body)
    assert caught.value.status == status


def test_request_bodies_are_the_references() -> None:
    """As built by responses_sampler.py and chat_completions_sampler.py of gpt_oss.evals 0.0.9."""
    assert json.loads(SAMPLERS["responses"]("m/x", "low", 1.0, 131072).body(PROMPT)) == {
        "model": "m/x",
        "input": [{"role": "user", "content": PROMPT}],
        "temperature": 1.0,
        "max_output_tokens": 131072,
        "reasoning": {"effort": "low"},
    }
    assert json.loads(SAMPLERS["chat_completions"]("m/x", "high", 0.5, 7).body(PROMPT)) == {
        "model": "m/x",
        "messages": [{"role": "user", "content": PROMPT}],
        "reasoning_effort": "high",
        "temperature": 0.5,
        "max_tokens": 7,
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"The model `nope` does not exist.","code":404}}', "The model `nope` does not exist."),
        (b'{"error":"Unauthorized"}', "Unauthorized"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>"),
        (b"x" * 1000, "x" * 400 + "…"),
    ],
)
def test_error_texts(body: bytes, text: str) -> None:
    assert error_text(body) == text
