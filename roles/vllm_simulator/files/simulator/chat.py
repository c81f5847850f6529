# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: chat, replies of /v1/chat/completions and /v1/completions in the shape of vLLM 0.32."""

from __future__ import annotations

from typing import Any

from simulator.answers import Generation
from simulator.conventions import Conventions
from simulator.shapes import Context, event, pieces_of, told


def prompt_text(messages: Any) -> str:
    """Return the text of the last user message, whose content is a string or a list of parts."""
    users = [message for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    content = users[-1].get("content") if users else ""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def usage(generation: Generation, conventions: Conventions) -> dict[str, Any]:
    """Return the token counts as the chat endpoint words them."""
    counts = told(generation)
    found = {
        "prompt_tokens": counts["prompt_tokens"],
        "total_tokens": counts["total_tokens"],
        "completion_tokens": counts["completion_tokens"],
        "prompt_tokens_details": None,
    }
    if conventions.chat_counts_reasoning:
        found["completion_tokens_details"] = {"reasoning_tokens": counts["reasoning_tokens"]}
    return found


def completion(generation: Generation, context: Context) -> dict[str, Any]:
    """Return the whole reply."""
    message = {
        "role": "assistant",
        "content": generation.content or None,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        **dict.fromkeys(context.conventions.reasoning_fields, " ".join(generation.reasoning) or None),
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": generation.finish_reason,
        "stop_reason": None,
        "token_ids": None,
        "routed_experts": None,
    }
    return {
        "id": f"chatcmpl-{context.request_id}",
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        "choices": [choice],
        "service_tier": None,
        "system_fingerprint": context.fingerprint,
        "usage": usage(generation, context.conventions),
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def stream(generation: Generation, context: Context, include_usage: bool) -> list[bytes]:
    """Return the server-sent events of the reply: role, reasoning, content, finish, usage, [DONE]."""
    frame = {
        "id": f"chatcmpl-{context.request_id}",
        "object": "chat.completion.chunk",
        "created": context.created,
        "model": context.model,
    }

    def chunk(delta: dict[str, str], finish: str | None = None, **extra: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, **extra}
        return event({**frame, "choices": [choice]})

    first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    events = [event({**frame, "choices": [first], "prompt_token_ids": None, "prompt_text": None})]
    reasoning = pieces_of(" ".join(generation.reasoning), context.interval)
    events += [chunk(dict.fromkeys(context.conventions.reasoning_fields, piece), token_ids=None) for piece in reasoning]
    events += [chunk({"content": piece}, token_ids=None) for piece in pieces_of(generation.content, context.interval)]
    events.append(chunk({}, generation.finish_reason, stop_reason=None, token_ids=None))
    if include_usage:
        counts = usage(generation, context.conventions)
        del counts["prompt_tokens_details"]
        events.append(event({**frame, "choices": [], "usage": counts, "system_fingerprint": context.fingerprint}))
    events.append(b"data: [DONE]\n\n")
    return events


def text_completion(generation: Generation, context: Context) -> dict[str, Any]:
    """Return the reply of the plain completions endpoint, which knows no reasoning field."""
    choice = {
        "index": 0,
        "text": " " + generation.content,
        "logprobs": None,
        "finish_reason": generation.finish_reason,
        "stop_reason": None,
        "token_ids": None,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "routed_experts": None,
    }
    return {
        "id": f"cmpl-{context.request_id}",
        "object": "text_completion",
        "created": context.created,
        "model": context.model,
        "choices": [choice],
        "service_tier": None,
        "system_fingerprint": context.fingerprint,
        "usage": {**usage(generation, Conventions(chat_counts_reasoning=False)), "completion_tokens_details": None},
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }
