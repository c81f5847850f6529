# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: spoiling, what a fault leaves of a generation, and of a reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator import texts
from simulator.answers import MARKS, Generation, Prompt
from simulator.faults import Fault
from simulator.http import Reply
from simulator.shapes import RequestError, dump, event


def spoil_prompt(prompt: Prompt, fault: Fault | None) -> Prompt:
    """Return what the model hears of a prompt."""
    return replace(prompt, max_tokens=None) if fault is not None and fault.kind == "no_limit" else prompt


def spoil(generation: Generation, fault: Fault | None) -> Generation:
    """Return what is left of what the model says."""
    change = None if fault is None else _CHANGES.get(fault.kind)
    return generation if fault is None or change is None else change(generation, fault)


def spoil_reply(reply: Reply, fault: Fault | None) -> Reply:
    """Return what is left of a good reply."""
    kind = None if fault is None else fault.kind
    if kind == "half" and reply.pieces is not None:
        return reply._replace(pieces=reply.pieces[: len(reply.pieces) // 2])
    if kind == "error_as_200":
        return error_as_200(RequestError(400, "Simulated fault: an error.", "BadRequestError"), reply)
    return reply


def error_as_200(error: RequestError, reply: Reply) -> Reply:
    """Return an error as a reply of status 200: in a stream as an event, as vLLM does once it has begun."""
    if reply.pieces is not None:
        return reply._replace(pieces=[event(error.body), b"data: [DONE]\n\n"])
    return reply._replace(status=200, body=dump(error.body))


def _leak(generation: Generation, _fault: Fault) -> Generation:
    thoughts = " ".join(generation.reasoning)
    text = (
        f"<|channel|>analysis<|message|>{thoughts}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{generation.content}"
    )
    return replace(generation, reasoning=[], content=text)


def _no_reasoning(generation: Generation, _fault: Fault) -> Generation:
    return replace(generation, reasoning=[], counts={"reasoning_tokens": len(generation.reasoning)})


def _same_effort(generation: Generation, _fault: Fault) -> Generation:
    thoughts = texts.thoughts("any effort", "medium", 0.5)
    unseen = generation.completion_tokens - len(generation.reasoning)
    return replace(generation, reasoning=thoughts, completion_tokens=unseen + len(thoughts))


def _gibberish(generation: Generation, _fault: Fault) -> Generation:
    text = texts.gibberish(24)
    tokens = len(generation.reasoning) + len(text.split()) + MARKS
    return replace(generation, content=text, completion_tokens=tokens, finish_reason="stop")


def _length(generation: Generation, _fault: Fault) -> Generation:
    tokens = len(generation.reasoning) + 3
    return replace(generation, content="", completion_tokens=tokens, finish_reason="length")


_CHANGES: dict[str, Callable[[Generation, Fault], Generation]] = {
    "empty": lambda generation, _fault: Generation([], "", generation.prompt_tokens, 1),
    "gibberish": _gibberish,
    "length": _length,
    "leak": _leak,
    "no_reasoning": _no_reasoning,
    "same_effort": _same_effort,
    "usage": lambda generation, fault: replace(generation, counts=fault.counts or {}),
}
