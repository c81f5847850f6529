# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint prompts - the fixed texts whose log-probabilities are compared. Data; all of it is made up.

The texts are written as Harmony renders a conversation, with a fixed date, thought and answer: the marks of channels
are where a chat model is surest. They must never change under the same VERSION, as fingerprints of other texts cannot
be compared.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

VERSION = 1
KINDS = ("knowledge", "arithmetic", "code", "languages", "long context")

_SYSTEM = (
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n"
    "Current date: 2025-08-05\n\nReasoning: low\n\n# Valid channels: analysis, commentary, final. Channel must be "
    "included for every message.<|end|>"
)


class Prompt(NamedTuple):
    """One text. `scored`: whether each of its tokens is compared, or only what the model says after it."""

    name: str
    kind: str
    text: str
    scored: bool = True


def _turn(question: str, thought: str, answer: str) -> str:
    """Return a conversation that ends in the middle of the answer, for the model to go on with."""
    return (
        f"<|start|>user<|message|>{question}<|end|><|start|>assistant<|channel|>analysis<|message|>{thought}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{answer}"
    )


_RIVERS = _turn(
    "Name the longest river of each of these continents: Africa, South America, Asia, Europe. One line each.",
    "Africa: Nile. South America: Amazon. Asia: Yangtze. Europe: Volga. One line each, short.",
    "Africa: the Nile, about 6,650 kilometres.\nSouth America: the Amazon, about 6,400 kilometres.\n"
    "Asia: the Yangtze, about 6,300 kilometres.\nEurope: the",
)

_LEAVES = _turn(
    "Why are leaves green? Explain it to a child of ten in five sentences.",
    "Chlorophyll absorbs red and blue light and reflects green. Keep it simple, five sentences.",
    "Leaves hold a substance that is called chlorophyll. Plants use it to catch sunlight and to make sugar from water "
    "and air. Sunlight has all colours in it, and chlorophyll takes mostly the red and the blue ones. The green light "
    "is not needed, so it bounces back to our eyes. In autumn the chlorophyll",
)

_SUMS = _turn(
    "Compute step by step: 47 * 36, then subtract 592, then divide by 4.",
    "47*36 = 47*30 + 47*6 = 1410 + 282 = 1692. 1692 - 592 = 1100. 1100 / 4 = 275.",
    "First, 47 * 36 = 47 * 30 + 47 * 6 = 1410 + 282 = 1692.\nThen, 1692 - 592 = 1100.\nAt last, 1100 / 4 =",
)

_TRAIN = _turn(
    "A train leaves at 08:40 and travels 210 km at 84 km/h. It stops for 12 minutes on the way. When does it arrive?",
    "210/84 = 2.5 h = 2 h 30 min. Plus 12 min = 2 h 42 min. 08:40 + 2:42 = 11:22.",
    "The train needs 210 / 84 = 2.5 hours, which is 2 hours and 30 minutes. With the stop of 12 minutes that makes 2 "
    "hours and 42 minutes. 08:40 plus 2 hours and 42 minutes is",
)

_SEARCH = _turn(
    "Write binary search in Python: the index of a value in a sorted list, or None.",
    "Simple function with low and high.",
    "```python\ndef find(values: list[int], wanted: int) -> int | None:\n    low, high = 0, len(values) - 1\n"
    "    while low <= high:\n        middle = (low + high) // 2\n        if values[middle] == wanted:\n"
    "            return middle\n        if values[middle] < wanted:\n            low = middle + 1\n        else:\n"
    "            high = middle",
)

_QUERY = _turn(
    "The table orders has the columns customer, day and amount. Give the three customers who spent the most in 2023.",
    "GROUP BY customer, filter year, ORDER BY sum DESC LIMIT 3.",
    "```sql\nSELECT customer, SUM(amount) AS total\nFROM orders\nWHERE day >= '2023-01-01' AND day < '2024-01-01'\n"
    "GROUP BY customer\nORDER BY total DESC\nLIMIT",
)

_GERMAN = _turn(
    "Wie viele Tage hat der Februar, und warum? Antworte in drei Sätzen.",
    "28, im Schaltjahr 29. Kurz erklären.",
    "Der Februar hat 28 Tage, in einem Schaltjahr 29. Das liegt daran, dass die Erde für einen Umlauf um die Sonne etwa"
    " 365,25 Tage braucht. Deshalb wird alle vier Jahre ein Tag",
)

_MANY = _turn(
    'Say "Good morning, the bread is still warm" in French, Spanish, Russian, Chinese, Japanese and Arabic.',
    "Translate each, one line each.",
    "Français : Bonjour, le pain est encore chaud.\nEspañol: Buenos días, el pan todavía está caliente.\n"
    "Русский: Доброе утро, хлеб ещё тёплый.\n"
    "中文：早上好，面包还是热的。\n日本語：おはようございます、パンはまだ温かいです。\n"
    "العربية: صباح الخير، الخبز ما زال",
)

_COLOURS = ("amber", "blue", "copper", "green", "ivory", "olive", "purple", "silver")
_THINGS = ("anchor", "basket", "candle", "drum", "kettle", "lantern", "mirror", "saddle", "violin")
_TOWNS = ("Aldra", "Bremso", "Calvetto", "Dunmarsh", "Elvern", "Farrowby", "Gilsund")


def _ledger(lines: int, seed: int) -> str:
    """Return made-up entries, each with its own weight; the numbers are those of a linear congruential generator."""
    text, state = [], seed
    for number in range(1, lines + 1):
        state = (1103515245 * state + 12345) % 2**31
        names = (_COLOURS[number % 8], _THINGS[number % 9], _TOWNS[number % 7])
        text.append(f"Entry {number}: the {names[0]} {names[1]} of {names[2]} weighs {100 + (state >> 8) % 900} grams.")
    return "\n".join(text)


def _look_up(lines: int, seed: int, entry: int) -> str:
    return _turn(
        f"{_ledger(lines, seed)}\n\nRepeat entry {entry} word for word, then the one after it.",
        f"Find entry {entry} and the next one.",
        "Entry",
    )


PROMPTS = (
    Prompt("rivers", "knowledge", _SYSTEM + _RIVERS),
    Prompt("leaves", "knowledge", _LEAVES),
    Prompt("sums", "arithmetic", _SUMS),
    Prompt("train", "arithmetic", _TRAIN),
    Prompt("search", "code", _SEARCH),
    Prompt("query", "code", _QUERY),
    Prompt("german", "languages", _GERMAN),
    Prompt("many", "languages", _MANY),
    # 970 and 2,850 tokens: beyond the window of the layers that look at 128 tokens only.
    Prompt("ledger", "long context", _look_up(60, 20250805, 17), scored=False),
    Prompt("long ledger", "long context", _look_up(180, 20251127, 12), scored=False),
)


def digest() -> str:
    """Return what stands for the prompts: 16 hexadecimal digits of a sha256 over all of them."""
    return hashlib.sha256(json.dumps([VERSION, *PROMPTS]).encode()).hexdigest()[:16]
