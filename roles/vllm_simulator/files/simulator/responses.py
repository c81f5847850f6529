# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: responses, replies of /v1/responses in the shape of vLLM 0.32."""

from __future__ import annotations

from typing import Any

from simulator.answers import Generation
from simulator.conventions import Conventions
from simulator.hashing import short_hex
from simulator.shapes import Context, event, pieces_of, told


def prompt_text(value: Any) -> str:
    """Return the text of `input`: a string, or the last user message of a list."""
    if isinstance(value, str):
        return value
    users = [item for item in value or [] if isinstance(item, dict) and item.get("role") == "user"]
    content = users[-1].get("content") if users else ""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def usage(generation: Generation, conventions: Conventions) -> dict[str, Any]:
    """Return the token counts as the responses endpoint words them."""
    counts = told(generation)
    if not conventions.responses_counted:
        counts = dict.fromkeys(counts, 0)
    prompt, output = counts["prompt_tokens"], counts["completion_tokens"]
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "input_tokens_per_turn": [prompt],
            "cached_tokens_per_turn": [0],
        },
        "output_tokens": output,
        "output_tokens_details": {
            "reasoning_tokens": counts["reasoning_tokens"],
            "tool_output_tokens": 0,
            "output_tokens_per_turn": [output],
            "tool_output_tokens_per_turn": [0],
        },
        "total_tokens": counts["total_tokens"],
    }


def _identifier(kind: str, context: Context) -> str:
    return f"{kind}_{short_hex(f'{kind}{context.request_id}'.encode())}"


def _text_part(text: str) -> dict[str, Any]:
    return {"annotations": [], "text": text, "type": "output_text", "logprobs": None}


def _reasoning_item(text: str, context: Context, status: str | None) -> dict[str, Any]:
    return {
        "id": _identifier("rs", context),
        "summary": [],
        "type": "reasoning",
        "content": [{"text": text, "type": "reasoning_text"}],
        "encrypted_content": None,
        "status": status,
    }


def _message_item(text: str, context: Context, status: str) -> dict[str, Any]:
    return {
        "id": _identifier("msg", context),
        "content": [_text_part(text)],
        "role": "assistant",
        "status": status,
        "type": "message",
        "phase": None,
    }


def response(generation: Generation | None, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the response object; without a generation it is still in progress."""
    output = []
    cut = generation is not None and generation.finish_reason == "length" and context.conventions.incomplete_told
    if generation is not None and generation.reasoning:
        output.append(_reasoning_item(" ".join(generation.reasoning), context, None))
    if generation is not None and generation.content:
        output.append(_message_item(generation.content, context, "incomplete" if cut else "completed"))
    reasoning = payload.get("reasoning")
    if reasoning is not None:
        reasoning = {
            "context": None,
            "effort": reasoning.get("effort"),
            "generate_summary": None,
            "mode": None,
            "summary": None,
        }
    return {
        "id": f"resp_{context.request_id}",
        "created_at": context.created,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": payload.get("instructions"),
        "metadata": payload.get("metadata"),
        "model": context.model,
        "object": "response",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": payload.get("temperature", 1.0),
        "tool_choice": "none",
        "tools": [],
        "top_p": payload.get("top_p", 1.0),
        "background": False,
        "max_output_tokens": payload.get("max_output_tokens"),
        "max_tool_calls": None,
        "previous_response_id": None,
        "prompt": None,
        "reasoning": reasoning,
        "service_tier": "auto",
        "status": "in_progress" if generation is None else "incomplete" if cut else "completed",
        "text": None,
        "top_logprobs": None,
        "truncation": "disabled",
        "usage": None if generation is None else usage(generation, context.conventions),
        "user": None,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "input_messages": None,
        "output_messages": None,
    }


class _Events:
    """Collects events and numbers them."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def add(self, name: str, **values: Any) -> None:
        number = len(self.events)
        fields = sorted({**values, "sequence_number": number, "type": name}.items())
        self.events.append(event(dict(fields), name))


def stream(generation: Generation, context: Context, payload: dict[str, Any]) -> list[bytes]:
    """Return the server-sent events: created, in progress, each item with its deltas, completed.

    vLLM calls the last one completed even where the response's status is incomplete.
    """
    out = _Events()
    started = response(None, context, payload)
    out.add("response.created", response=started)
    out.add("response.in_progress", response=started)
    if generation.reasoning:
        _stream_reasoning(out, " ".join(generation.reasoning), context)
    if generation.content:
        _stream_message(out, generation.content, context, 1 if generation.reasoning else 0)
    out.add("response.completed", response=response(generation, context, payload))
    return out.events


def _stream_reasoning(out: _Events, text: str, context: Context) -> None:
    item = _reasoning_item(text, context, "completed")
    where: dict[str, Any] = {"content_index": 0, "item_id": item["id"], "output_index": 0}
    out.add("response.output_item.added", item={**item, "content": None, "status": "in_progress"}, output_index=0)
    out.add("response.content_part.added", part={"text": "", "type": "reasoning_text"}, **where)
    for piece in pieces_of(text, context.interval):
        out.add("response.reasoning_text.delta", delta=piece, **where)
    out.add("response.reasoning_text.done", text=text, **where)
    out.add("response.content_part.done", part={"text": text, "type": "reasoning_text"}, **where)
    out.add("response.output_item.done", item=item, output_index=0)


def _stream_message(out: _Events, text: str, context: Context, index: int) -> None:
    item = _message_item(text, context, "completed")
    where: dict[str, Any] = {"content_index": 0, "item_id": item["id"], "output_index": index}
    out.add("response.output_item.added", item={**item, "content": [], "status": "in_progress"}, output_index=index)
    out.add("response.content_part.added", part={**_text_part(""), "logprobs": []}, **where)
    for piece in pieces_of(text, context.interval):
        out.add("response.output_text.delta", delta=piece, logprobs=[], **where)
    out.add("response.output_text.done", text=text, logprobs=[], **where)
    out.add("response.content_part.done", part=_text_part(text), **where)
    out.add("response.output_item.done", item=item, output_index=index)
