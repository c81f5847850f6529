# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: samplers, request bodies and replies of the two APIs an eval may ask.

The bodies hold what gpt_oss.evals 0.0.9 sends (responses_sampler.py, chat_completions_sampler.py), and nothing else: no
system message, no seed, no top_p. The text is taken from a reply as those files take it.
"""

from __future__ import annotations

import json
from typing import Any, Mapping, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

_PROMPT_MARK = "\x00prompt\x00"
_MAX_ERROR_TEXT = 2000
_MOST_TOKENS = 2**31  # no context is nearly as long


class Reply(NamedTuple):
    """What a server answered. ``finish_reason`` is ``stop``, ``length`` or the server's own word."""

    text: str
    finish_reason: Optional[str]
    prompt_tokens: Optional[int]
    completion_tokens: Optional[int]
    reasoning_tokens: Optional[int]


class ReplyError(Exception):
    """The reply reports a failure, though it may have come as HTTP 200; ``status`` is the HTTP status it stands for."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Sampler:
    """One API: its path, the request body for a prompt, and how its reply is read."""

    path = ""

    def __init__(self, model: str, effort: str, temperature: float, max_tokens: int) -> None:
        # Everything but the prompt is the same in each request: it is serialised once.
        body = json.dumps(self._body(model, effort, temperature, max_tokens), separators=(",", ":"))
        before, after = body.split(json.dumps(_PROMPT_MARK))
        self._before, self._after = before.encode(), after.encode()

    def body(self, prompt: str) -> bytes:
        """Return the JSON body that asks ``prompt``."""
        return self._before + json.dumps(prompt).encode() + self._after

    def parse(self, body: bytes) -> Reply:
        """Read a reply of HTTP status 200; ReplyError where it is not an answer."""
        try:
            document = _json_text.loads(body)
        except ValueError as exc:
            raise ReplyError(502, f"the reply is not JSON ({exc}): {_shorten(body)}") from exc
        if not isinstance(document, dict):
            raise ReplyError(502, f"the reply is not a JSON object: {_shorten(body)}")
        _raise_reported_error(document)
        try:
            return self._read(document)
        except (AttributeError, IndexError, KeyError, TypeError) as exc:
            raise ReplyError(502, f"the reply has not the shape of {self.path}: {_shorten(body)}") from exc

    def _body(self, model: str, effort: str, temperature: float, max_tokens: int) -> dict[str, Any]:
        raise NotImplementedError

    def _read(self, document: dict[str, Any]) -> Reply:
        raise NotImplementedError


class ResponsesSampler(Sampler):
    """POST /v1/responses."""

    path = "/responses"

    def _body(self, model: str, effort: str, temperature: float, max_tokens: int) -> dict[str, Any]:
        return {
            "model": model,
            "input": [{"role": "user", "content": _PROMPT_MARK}],
            "temperature": temperature,
            "max_output_tokens": max_tokens,
            "reasoning": {"effort": effort},
        }

    def _read(self, document: dict[str, Any]) -> Reply:
        parts = [part for item in document["output"] if item["type"] == "message" for part in item["content"]]
        text = "".join(part["text"] or "" for part in parts if part["type"] == "output_text")
        counts = _counts(document, "input_tokens", "output_tokens")
        return Reply(text, _responses_finish(document), *counts)


class ChatCompletionsSampler(Sampler):
    """POST /v1/chat/completions."""

    path = "/chat/completions"

    def _body(self, model: str, effort: str, temperature: float, max_tokens: int) -> dict[str, Any]:
        return {
            "model": model,
            "messages": [{"role": "user", "content": _PROMPT_MARK}],
            "reasoning_effort": effort,
            "temperature": temperature,
            "max_tokens": max_tokens,
        }

    def _read(self, document: dict[str, Any]) -> Reply:
        choice = document["choices"][0]
        text = choice["message"].get("content")
        if text is not None and not isinstance(text, str):
            raise TypeError("content is no text")
        finish = choice.get("finish_reason")
        counts = _counts(document, "prompt_tokens", "completion_tokens")
        return Reply(text or "", None if finish is None else str(finish), *counts)


SAMPLERS: Mapping[str, type[Sampler]] = {"responses": ResponsesSampler, "chat_completions": ChatCompletionsSampler}


def _counts(document: Mapping[str, Any], asked: str, answered: str) -> tuple[Optional[int], ...]:
    """Return the tokens of the prompt, of the reply, and of its reasoning; None for what is not told, or no count."""
    usage = _mapping(document.get("usage"))
    details = _mapping(usage.get(f"{answered}_details"))
    found = (usage.get(asked), usage.get(answered), details.get("reasoning_tokens"))
    return tuple(map(_count, found))


def _count(value: Any) -> Optional[int]:
    # To Python true is a number.
    told = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if told else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def error_text(body: bytes) -> str:
    """Return the message in an error reply's body, in whatever shape it came."""
    try:
        document = _json_text.loads(body)
    except ValueError:
        return _shorten(body)
    if isinstance(document, dict):
        for candidate in (document.get("error"), document):
            if isinstance(candidate, str) and candidate.strip():
                return candidate[:_MAX_ERROR_TEXT]
            if isinstance(candidate, dict):
                message = candidate.get("message") or candidate.get("detail")
                if message:
                    return str(message)[:_MAX_ERROR_TEXT]
    return _shorten(body)


def _responses_finish(document: dict[str, Any]) -> str:
    status = document.get("status")
    if status == "completed":
        return "stop"
    if status == "incomplete":
        reason = _mapping(document.get("incomplete_details")).get("reason") or "incomplete"
        return "length" if reason == "max_output_tokens" else str(reason)
    return str(status)


def _raise_reported_error(document: dict[str, Any]) -> None:
    """vLLM 0.16 sent errors as HTTP 200; the Responses API reports a failed generation with status ``failed``."""
    error = document.get("error")
    if document.get("object") == "error":
        error = document
    if not error and document.get("status") in ("failed", "cancelled"):
        error = {"message": f"the response's status is {document['status']}"}
    if not error:
        return
    code = error.get("code") if isinstance(error, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    told = str(text or "").strip() or f"an error without a message: {error}"
    raise ReplyError(code if isinstance(code, int) and 400 <= code <= 599 else 500, told[:_MAX_ERROR_TEXT])


def _shorten(body: bytes) -> str:
    text = body[:400].decode("utf-8", "replace")
    return (text if len(body) <= 400 else text + "…") if text.strip() else "an empty body"
