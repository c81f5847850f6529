# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke verdict - judges one answer: its end, tokens, reasoning and sense."""

from __future__ import annotations

import re

from ansible_collections.gpt_oss.fleet.plugins.module_utils._gibberish import gibberish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import Conventions
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, SmokeError, Usage

_SHOWN = 200
# Harmony's marks, and what is left of them where a tokenizer drops special tokens.
_MARKS = re.compile(r"<\|(?:channel|start|message|end|return|call|constrain)\|>")
_BARE_MARKS = re.compile(r"assistant(?:analysis|commentary|final)|\A\s*(?:analysis|commentary)(?=[A-Z])")
# A short thought may be said again in the answer.
_LEAST_LEAK = 80
# Some versions count the marks of an empty thought.
_MARKS_COUNTED = 3
# Marks and stop token of a reply, above the one byte at least that each other token gives.
_MOST_UNSEEN = 64


def judge_end(answer: Answer, may_be_cut: bool = False) -> None:
    """Raise SmokeError unless the reply ended by itself; one cut by the token limit passes where it may be."""
    if answer.finish_reason != "stop" and not (may_be_cut and answer.finish_reason == "length"):
        raise SmokeError(
            f"expected the reply to end by itself, it ended with {answer.finish_reason!r} after {answer.text[-80:]!r}"
        )


def judge_usage(answer: Answer, prompt: str, counted: bool) -> None:
    """Raise SmokeError unless the counts can be those of this prompt and this reply.

    Where the API of that version does not count, zeros pass. No token holds letters of two words, and each gives a byte
    or more, but for marks.
    """
    usage, said = answer.usage, answer.text + " ".join(["", *answer.reasoning.values()][:2])
    if not counted and usage == Usage(0, 0, usage.reasoning_tokens):
        return
    if usage.prompt_tokens < 1 or usage.completion_tokens < 1:
        raise SmokeError(f"expected tokens to be counted, found {usage.numbers()}")
    if usage.prompt_tokens < len(prompt.split()):
        raise SmokeError(f"expected a token for each word of the prompt, found {usage.prompt_tokens} prompt_tokens")
    most = len(said.encode()) + _MOST_UNSEEN if answer.finish_reason == "stop" else usage.completion_tokens
    if not len(said.split()) <= usage.completion_tokens <= most:
        words = f"{len(said.split())} words in {len(said.encode())} bytes"
        raise SmokeError(f"expected tokens to fit the reply's {words}, found {usage.completion_tokens} counted")


def judge_reasoning(answer: Answer, conventions: Conventions, chat: bool) -> None:
    """Raise SmokeError unless the reasoning is where that version puts it, and nowhere in the text."""
    found, wanted = tuple(answer.reasoning), conventions.reasoning_fields
    if chat and found and wanted is not None and set(found) != set(wanted):
        raise SmokeError(f"expected the reasoning in {' and '.join(wanted)}, found it in {' and '.join(found)}")
    if not found and (answer.usage.reasoning_tokens or 0) > _MARKS_COUNTED:
        raise SmokeError(f"expected reasoning, as {answer.usage.reasoning_tokens} tokens of it are counted; found none")
    for place, text in {"text": answer.text, **answer.reasoning}.items():
        if mark := _MARKS.search(text) or (_BARE_MARKS.search(text) if place == "text" else None):
            raise SmokeError(f"expected no mark of a channel in the {place}, found {mark.group(0)!r} in {_short(text)}")
    for thought in answer.reasoning.values():
        if len(thought) >= _LEAST_LEAK and thought.strip() in answer.text:
            raise SmokeError(f"expected no reasoning in the text, found {_short(answer.text)}")


def judge_sense(answer: Answer, expect: str) -> None:
    """Raise SmokeError unless the text may be one that a model writes, and holds what is expected (in any case)."""
    if not answer.text.strip():
        raise SmokeError("expected an answer, found no visible text")
    if expect and expect.casefold() not in answer.text.casefold():
        raise SmokeError(f"expected {expect!r} in the answer, found {_short(answer.text)}")
    if reason := gibberish(answer.text):
        raise SmokeError(f"expected a sensible answer, but the text {reason}: {_short(answer.text)}")


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
