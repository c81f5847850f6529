# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: grades, made from the reply's text alone.

The rules find the same answer as gpt-oss 0.0.9 (``gpt_oss/evals/abcd_grader.py`` and ``aime_eval.py``), surprising
cases included, because a score is comparable only if each reply is graded the same. tests/differential proves it
against that package, tests/golden/replies.jsonl on every Python.

What is different is the cost. A rule first looks for the fixed part of what it wants (the word "answer", a brace, a
line start) and examines only those places, the first rule that finds something ends the search, and no rule looks at
a character more than a few times: time grows linearly with the reply's length, whatever is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterator

# CPython refuses to convert longer numerals (since 3.10.7), so the reference finds no integer in them.
_LONGEST_NUMERAL = 4300

# Characters outside ASCII that a case-insensitive pattern takes for a letter of our key words.
_FOLDED = {"ſ": "s", "ı": "i", "İ": "i"}

_MARK = r"(?:\*\*?|__?)"
_COLON = r"(?:[:\-–]\s*)?"

_MARKED_ANSWER = re.compile(rf"(?<=[*_])answers?\s*[:\-–]?{_MARK}\s*([abcd])\b", re.IGNORECASE)
_LINE_WITH_ANSWER = re.compile(rf"\n[^\S\n]*{_MARK}?answer:?{_MARK}?\s*(?::\s*)?{_MARK}?([abcd])", re.IGNORECASE)
_ANSWER = re.compile(rf"\banswers?\b\s*{_COLON}(?:\(\s*([abcd])\s*\)|([abcd])\b)", re.IGNORECASE)
_OPTION = re.compile(rf"\b(?:option|choice)\b\s*{_COLON}([abcd])\b", re.IGNORECASE)
_LETTER = re.compile(r"[ABCD]")
_BRACKETED = re.compile(r"[(\[](?<![A-Za-z0-9].)\s*([ABCD])\s*[)\]](?![A-Za-z0-9])")
_MARKED = re.compile(r"[*_](?<![A-Za-z0-9].)([ABCD])[*_](?![A-Za-z0-9])")
_MARKED_CHOICE = re.compile(r"[*_](?<![A-Za-z0-9].)\s*([ABCD])\)[^*_\n]+[*_](?![A-Za-z0-9])")
_LINE_WITH_LETTER = re.compile(rf"\n[^\S\n]*{_MARK}?([ABCD])")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Grade:
    """The grade of one reply.

    ``extracted`` is the answer as found ("C", "204"), None where there is none. For multiple choice the last resort is
    the reply's first character, whatever it is. ``score`` is 1.0 or 0.0. ``parsed`` is False when only that last
    resort (for integers: the last integer of the text, or nothing) decided.
    """

    extracted: str | None
    score: float
    parsed: bool


class _Reply:
    """A reply with what the rules search in: its text, and a twin of the same length in small ASCII letters."""

    def __init__(self, text: str) -> None:
        self.text = text
        # With a line feed in front, a line's start is always "after a line feed".
        self.lines = "\n" + text
        twin = text
        if not text.isascii():
            for letter, plain in _FOLDED.items():
                twin = twin.replace(letter, plain)
        self.twin = twin.encode("ascii", "replace").lower()

    def places(self, word: bytes) -> Iterator[int]:
        """Yield where ``word`` (small letters) stands, in any case."""
        place = self.twin.find(word)
        while place >= 0:
            yield place
            place = self.twin.find(word, place + len(word))


def _marked_answer(reply: _Reply) -> str | None:
    """``**Answer:** C``: the word inside bold or italics, the letter outside."""
    for place in reply.places(b"answer"):
        found = _MARKED_ANSWER.match(reply.text, place)
        if found:
            return found.group(1)
    return None


def _line_with_answer(reply: _Reply) -> str | None:
    """A line that starts with ``Answer: C``; any word may go on after the letter ("Answer: Because" gives B)."""
    found = _LINE_WITH_ANSWER.search(reply.lines) if b"answer" in reply.twin else None
    return found.group(1) if found else None


def _answer(reply: _Reply) -> str | None:
    """``answer: (C)`` anywhere; if there is none, ``answer C`` anywhere."""
    bare = None
    for place in reply.places(b"answer"):
        found = _ANSWER.match(reply.text, place)
        if found and found.group(1):
            return found.group(1)
        if found and bare is None:
            bare = found.group(2)
    return bare


def _option(reply: _Reply) -> str | None:
    """``Option C`` or ``choice: C``, whichever comes first."""
    first: re.Match[str] | None = None
    for word in (b"option", b"choice"):
        for place in reply.places(word):
            found = _OPTION.match(reply.text, place)
            if found:
                first = found if first is None or found.start() < first.start() else first
                break
    return first.group(1) if first else None


def _in_braces(text: str, opening: str) -> str | None:
    """Return the first capital A-D between ``opening`` and the next closing brace."""
    start = text.find(opening)
    while start >= 0:
        end = text.find("}", start)
        if end < 0:
            return None
        found = _LETTER.search(text, start + len(opening), end)
        if found:
            return found.group()
        # An opening before this brace would see only a part of what was just searched.
        start = text.find(opening, end)
    return None


def _boxed(reply: _Reply) -> str | None:
    r"""``\boxed{C}``, also with more LaTeX inside the braces."""
    return _in_braces(reply.text, "\\boxed{")


def _bracketed(reply: _Reply) -> str | None:
    """``(C)`` or ``[C]`` on its own."""
    found = _BRACKETED.search(reply.text)
    return found.group(1) if found else None


def _marked(reply: _Reply) -> str | None:
    """``**C**`` on its own."""
    found = _MARKED.search(reply.text)
    return found.group(1) if found else None


def _bold_latex(reply: _Reply) -> str | None:
    r"""``\textbf{C ...}``."""
    return _in_braces(reply.text, "\\textbf{")


def _marked_choice(reply: _Reply) -> str | None:
    """``**C) the choice's text**``."""
    found = _MARKED_CHOICE.search(reply.text)
    return found.group(1) if found else None


def _line_with_letter(reply: _Reply) -> str | None:
    """The first line that starts with a capital A-D, be it the start of a word ("As it is" gives A)."""
    found = _LINE_WITH_LETTER.search(reply.lines)
    return found.group(1) if found else None


_LETTER_RULES: tuple[Callable[[_Reply], str | None], ...] = (
    _marked_answer,
    _line_with_answer,
    _answer,
    _option,
    _boxed,
    _bracketed,
    _marked,
    _bold_latex,
    _marked_choice,
    _line_with_letter,
)


def extract_letter(text: str) -> tuple[str, bool]:
    """Return the letter that a reply chooses, and whether a rule found it.

    The first rule that finds something decides, wherever in the text that is. If none does, the answer is the reply's
    first character (after ``**``), which may be anything, or nothing.
    """
    reply = _Reply(text)
    for rule in _LETTER_RULES:
        letter = rule(reply)
        if letter:
            return letter.upper(), True
    return text[2:3] if text.startswith("**") else text[:1], False


def _last_boxed(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{...}`` or ``\framebox{...}`` that is not empty.

    A box ends at the first closing brace, so the parts between closing braces can be looked at one by one, from the
    end, and each holds at most one box: from its first opening on.
    """
    if "boxed{" not in text and "framebox{" not in text:
        return None
    end = text.rfind("}")
    while end >= 0:
        start = text.rfind("}", 0, end) + 1
        places = [
            place + len(opening)
            for opening in ("boxed{", "framebox{")
            if (place := text.find(opening, start, end)) >= 0
        ]
        if places and min(places) < end:
            return text[min(places) : end]
        end = start - 1
    return None


def _to_integer(numeral: str) -> int | None:
    """Read a numeral as the reference's ``int()`` does on every Python: "+204", "2_04" and full-width digits too."""
    if len(numeral) > _LONGEST_NUMERAL and sum(map(str.isdecimal, numeral)) > _LONGEST_NUMERAL:
        return None
    try:
        return int(numeral)
    except ValueError:
        return None


def extract_integer(text: str) -> tuple[int | None, bool]:
    """Return the integer that a reply answers, and whether the reply marks one with a box.

    In a box what follows the last comma counts. Without a box, or if all are empty, the text's last run of digits does.
    """
    boxed = _last_boxed(text)
    if boxed is not None:
        # strip() takes off more than int() itself does: U+001C to U+001F.
        return _to_integer(boxed.rpartition(",")[2].strip()), True
    last = _DIGITS.search(text[::-1])
    return (_to_integer(last.group()[::-1]) if last else None), False


def grade_letter(target: str, text: str) -> Grade:
    """Grade a multiple choice reply; ``target`` is "A" to "D"."""
    letter, parsed = extract_letter(text)
    return Grade(extracted=letter, score=1.0 if letter == target else 0.0, parsed=parsed)


def grade_integer(target: str, text: str) -> Grade:
    """Grade a reply that should give an integer; ``target`` is its numeral."""
    number, parsed = extract_integer(text)
    extracted = None if number is None else str(number)
    return Grade(extracted=extracted, score=1.0 if number == int(target) else 0.0, parsed=parsed)
