# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: asks, what a generation request asks for, validated as vLLM 0.32 validates it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from simulator import chat, logprobs, responses, shapes
from simulator.answers import Generation, Prompt
from simulator.configuration import EFFORTS
from simulator.http import Reply, Request
from simulator.shapes import Context, RequestError

Shape = Callable[[Generation, Context], Reply]
Ask = tuple[Prompt, Shape]

_LITERALS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_EXPECTED = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'"


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return a JSON reply."""
    return Reply(status, shapes.dump(value))


def ask_chat(request: Request, names: Sequence[str]) -> Ask:
    """Parse a request of /v1/chat/completions. Raises RequestError."""
    payload = _parse(request, "messages", names)
    limit = _limit(payload, "max_completion_tokens", "max_tokens")
    effort = _effort(payload.get("reasoning_effort"), "body.reasoning_effort")
    prompt = _prompt(request, chat.prompt_text(payload["messages"]), effort, limit)
    include = bool((payload.get("stream_options") or {}).get("include_usage"))
    if payload.get("stream"):
        return prompt, lambda generation, context: _events(chat.stream(generation, context, include))
    return prompt, lambda generation, context: json_reply(chat.completion(generation, context))


def ask_responses(request: Request, names: Sequence[str]) -> Ask:
    """Parse a request of /v1/responses. Raises RequestError."""
    payload = _parse(request, "input", names)
    reasoning = payload.get("reasoning")
    effort = _effort(reasoning.get("effort") if isinstance(reasoning, dict) else None, "body.reasoning.effort")
    prompt = _prompt(request, responses.prompt_text(payload["input"]), effort, _limit(payload, "max_output_tokens"))
    if payload.get("stream"):
        return prompt, lambda generation, context: _events(responses.stream(generation, context, payload))
    return prompt, lambda generation, context: json_reply(responses.response(generation, context, payload))


def ask_completions(request: Request, names: Sequence[str]) -> Ask:
    """Parse a request of /v1/completions. Raises RequestError."""
    payload = _parse(request, "prompt", names)
    prompt = _prompt(request, str(payload["prompt"]), "medium", _limit(payload, "max_tokens"))
    return prompt, lambda generation, context: json_reply(
        logprobs.with_logprobs(chat.text_completion(generation, context), payload, context.weights)
    )


def _parse(request: Request, field: str, names: Sequence[str]) -> dict[str, Any]:
    payload = shapes.parse_body(request.body)
    if payload.get(field) is None:
        raise shapes.invalid("missing", f"body.{field}", "Field required", f", 'input': {payload!r}")
    name = payload.get("model")
    if name is not None and name not in names:
        message = f"The model `{name}` does not exist. Valid aliases: {', '.join(names)}."
        raise RequestError(404, message, "NotFoundError", "model")
    return payload


def _events(pieces: list[bytes]) -> Reply:
    return Reply(200, content_type="text/event-stream; charset=utf-8", pieces=pieces)


def _prompt(request: Request, text: str, effort: str, limit: Optional[int]) -> Prompt:
    return Prompt(text, effort, limit, request.headers.get("x-request-id", ""), request.body)


def _limit(payload: dict[str, Any], *names: str) -> Optional[int]:
    name = next((name for name in names if payload.get(name) is not None), None)
    if name is None:
        return None
    value = payload[name]
    if not isinstance(value, int):
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise shapes.invalid("int_parsing", f"body.{name}", message, f", 'input': {value!r}")
    if value < 1:
        raise RequestError(400, f"{name} must be at least 1, got {value}.", "BadRequestError", name)
    return value


def _effort(value: Any, location: str) -> str:
    if value is None:
        return "medium"
    if value not in _LITERALS:
        context = f", 'input': {value!r}, 'ctx': {{'expected': {_EXPECTED!r}}}"
        raise shapes.invalid("literal_error", location, f"Input should be {_EXPECTED}", context)
    if value not in EFFORTS:
        message = f"reasoning_effort={value!r} is not supported by Harmony. Supported values are: high, medium, low."
        raise RequestError(400, message, "BadRequestError", "reasoning_effort")
    return str(value)
