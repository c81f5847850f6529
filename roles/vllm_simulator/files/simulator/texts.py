# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: texts, what the simulated model thinks and says. A token is a word: pieces split at white space."""

from __future__ import annotations

from simulator.hashing import unit

# The number of thinking words, from the easiest to the hardest question, at each effort.
_LENGTHS = {"low": (12, 60), "medium": (60, 240), "high": (200, 800)}
_THOUGHTS = (
    "Let us restate what is given and what is asked.",
    "The units have to agree before anything else is done.",
    "So we write the relation first and put the numbers in last.",
    "Check the order of magnitude: that looks reasonable.",
    "Could a factor of two be missing here? Let me redo this step.",
    "Taking the logarithm of both sides makes this linear.",
    "No, that would break the conservation law, so it cannot be.",
    "Try a simple case: with one particle the formula must reduce to the known result.",
    "It does, so the general form is likely right.",
    "Now compare with each of the values on offer.",
    "Two of them differ only by a conversion factor, which must be a trap.",
    "Computing it a second way gives the same number.",
)
_WORDS = " ".join(_THOUGHTS).split() * 8

_EXPLANATIONS = (
    "Putting the given quantities into the relation leaves a single consistent value.",
    "Working in consistent units, the numbers combine as shown, and the other values follow from common slips.",
    "The relation is applied once, with all quantities converted first.",
    "Two independent ways of computing it agree.",
)
# Forms that the reference's grader reads without a doubt (gpt_oss.evals, abcd_grader.py).
_LETTER_FORMS = ("Answer: {0}", "**Answer:** {0}", "**Answer: {0}**", "Answer: ({0})")
_BOX_FORMS = (
    "The result is $\\boxed{{{0}}}$.",
    "\\[\n\\boxed{{{0}}}\n\\]",
    "Therefore the value asked for is \\boxed{{{0}}}.",
)
_GIBBERISH = "zxq wvv krr!! tthh ;; pq pq pq jzz ~~ wrrk vvv ?? hjk hjk zzt "

PARIS = "The capital of France is **Paris**."
_CHAT = "This is a simulated reply: no model stands behind it."


def thoughts(name: str, effort: str, hardness: float) -> list[str]:
    """Return the words of a reasoning text: the harder the question (0 to 1) and the higher the effort, the more."""
    low, high = _LENGTHS[effort]
    chance = unit("length", effort, name)
    count = int(low + (high - low) * (0.7 * hardness + 0.3 * chance))
    start = int(chance * len(_WORDS) / 8)
    return _WORDS[start : start + count]


def letter_reply(name: str, letter: str) -> str:
    """Return a final text that chooses a letter."""
    chance = unit("form", name)
    form = _LETTER_FORMS[int(chance * len(_LETTER_FORMS))]
    return f"{_explanation(name)}\n\n{form.format(letter)}"


def box_reply(name: str, number: str) -> str:
    """Return a final text that boxes a number."""
    form = _BOX_FORMS[int(unit("form", name) * len(_BOX_FORMS))]
    return f"{_explanation(name)}\n\n{form.format(number)}"


def chat_reply(prompt: str) -> str:
    """Return the final text for a prompt that is no eval question."""
    return PARIS if "capital of france" in prompt.lower() else _CHAT


def gibberish(words: int) -> str:
    """Return text without a letter, box or number to extract."""
    return (_GIBBERISH * (words // 12 + 1)).strip()


def _explanation(name: str) -> str:
    return _EXPLANATIONS[int(unit("explanation", name) * len(_EXPLANATIONS))]
