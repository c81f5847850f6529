# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: answers, the simulated model: a prompt and its identity in, a generation out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator import texts
from simulator.configuration import Configuration
from simulator.hashing import short_hex, unit
from simulator.latent import Cell, easiness
from simulator.questions import READERS, Key, Question

# Harmony wraps reasoning and answer in channel marks; captures of vLLM 0.32 count ten of them, three before the answer.
MARKS_BEFORE_REASONING = 3
MARKS = 10
_PREAMBLE_TOKENS = 64
# Task, question, repeat; clients may add what tells requests of one sample apart: the effort, the attempt.
_IDENTITY = re.compile(r"((\w+)/(\d+)/(\d+))(?:/\w+)*")


@dataclass(frozen=True)
class Prompt:
    """What is asked: the user's text, the reasoning effort, the token limit, and who asks."""

    text: str
    effort: str
    max_tokens: int | None
    request_id: str
    body: bytes


@dataclass(frozen=True)
class Identity:
    """Which sample a request is. `name` is task/question/repeat; other requests are other/HASH."""

    name: str
    question: Question | None = None
    repeat: int = 0


@dataclass(frozen=True)
class Generation:
    """What the model says, as words, and the token counts that go with it."""

    reasoning: list[str]
    content: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "stop"
    counts: Mapping[str, int] = field(default_factory=dict)  # added to what is told of the tokens


class Model:
    """Answers from the key, as often right as the configuration wants."""

    def __init__(self, configuration: Configuration, key: Key) -> None:
        self._configuration = configuration
        self._key = key
        self._arrivals: Counter[tuple[str, str, int]] = Counter()
        self._cells: dict[tuple[str, str], Cell] = {}
        for task in configuration.data:
            for effort in ("low", "medium", "high"):
                cell = Cell(configuration.seed, task, effort, key.count(task), configuration.repeats)
                target = configuration.target(task, effort)
                self._cells[task, effort] = cell.aim(target, configuration.accuracy_drop)

    def identify(self, prompt: Prompt) -> Identity:
        """Find out which sample is asked: by the request id, else by the prompt's text."""
        match = _IDENTITY.fullmatch(prompt.request_id)
        if match and match.group(2) in READERS:
            question = self._key.get(match.group(2), int(match.group(3)))
            return Identity(match.group(1), question, int(match.group(4)))
        question = self._key.find(prompt.text)
        if question is None:
            return Identity(prompt.request_id or f"other/{short_hex(prompt.body)}")
        repeat = self._repeat(question, prompt)
        return Identity(f"{question.task}/{question.index}/{repeat}", question, repeat)

    def generate(self, prompt: Prompt, identity: Identity) -> Generation:
        """Return the reply to a prompt, cut where the token limit ends it."""
        question = identity.question
        name = f"{self._configuration.seed}/{prompt.effort}/{identity.name}"
        hardness = 0.5 if question is None else 0.5 - max(-2.0, min(2.0, easiness(question.task, question.index))) / 4
        words = texts.thoughts(name, prompt.effort, hardness)
        content = self._content(question, identity, prompt, name)
        prompt_tokens = _PREAMBLE_TOKENS + len(prompt.text) // 4
        return limit(words, content, prompt_tokens, prompt.max_tokens)

    def is_right(self, question: Question, effort: str, repeat: int) -> bool:
        """Say whether the sample gets the right answer."""
        return self._cells[question.task, effort].is_right(question.index, repeat)

    def _content(self, question: Question | None, identity: Identity, prompt: Prompt, name: str) -> str:
        if question is None:
            return texts.chat_reply(prompt.text)
        right = self.is_right(question, prompt.effort, identity.repeat)
        chance = unit("wrong", name)
        if question.form == "integer":
            number = int(question.answer)
            return texts.box_reply(name, str(number if right else (number + 1 + int(chance * 999)) % 1000))
        letter = question.letter(prompt.text)
        others = [other for other in "ABCD" if other != letter]
        return texts.letter_reply(name, letter if right and letter else others[int(chance * len(others))])

    def _repeat(self, question: Question, prompt: Prompt) -> int:
        if self._configuration.repeat_by == "body":
            return int(short_hex(prompt.body), 16)
        name = (question.task, prompt.effort, question.index)
        self._arrivals[name] += 1
        return (self._arrivals[name] - 1) % self._configuration.repeats


def limit(reasoning: list[str], content: str, prompt_tokens: int, max_tokens: int | None) -> Generation:
    """Count the tokens, and cut reasoning and content to the limit as a real engine would."""
    words = content.split(" ")
    total = len(reasoning) + len(words) + MARKS
    if max_tokens is None or max_tokens >= total:
        return Generation(reasoning, content, prompt_tokens, total)
    kept = reasoning[: max(0, max_tokens - MARKS_BEFORE_REASONING)]
    room = max_tokens - len(reasoning) - MARKS
    return Generation(kept, " ".join(words[: max(0, room)]), prompt_tokens, max_tokens, "length")
