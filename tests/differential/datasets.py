"""Data files with traps, made up from a seed, in the formats of GPQA (CSV) and AIME 2025 (two files of JSON lines)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")

TEXTS = (
    "plain words", "12 m/s", "{braces} {0} {A}", "100 %", "\\frac{1}{2}", "α → β, γ", 'said "so"', "comma, comma",
    "  padded  ", "two\nlines", "two\r\nlines", "a\rb", "tab\there", "(A) 5", "1,000", "True", "None of the above",
    "NA ", " NA", "nan?", "-", "'quoted'", "1e5 J", "0x10", "٣", "1_0", "é", "😀", "\u2028", "N/A?", "NULL1",
    "inf ", "1 e5", ".", "1e", "x" * 3000, "=1+1", "#N/A!", "\ufeff", "ℵ",
)  # fmt: skip
NOT_AVAILABLE = (
    "", "NA", "N/A", "None", "null", "NULL", "nan", "NaN", "-nan", "-NaN", "n/a", "<NA>", "#N/A", "#N/A N/A",
    "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
INTEGERS = ("0", "7", "07", "-5", "+5", " 12", "12 ", "1000", "-0", "9007199254740993", "\t3")
NUMBERS = (
    "1e3", "1.5", ".5", "2.", "-1E-3", "0.1234567890123456789", "1e400", "1e-400", "inf", "-Infinity", "+INF",
    " 2.5 ", "-0.0", "1e22", "1e16",
)  # fmt: skip
TRUTHS = ("True", "False", "TRUE", "false", "tRuE")
LARGE = ("9223372036854775808", "18446744073709551615")
LONG = "1" * 4301
LARGER = ("18446744073709551616", "-9223372036854775809", "99999999999999999999")

# Each makes the choices of one column's cells.
KINDS: dict[str, tuple[str, ...]] = {
    "text": TEXTS,
    "text with gaps": TEXTS + NOT_AVAILABLE,
    "few words": ("same", "other"),
    "few words with gaps": ("same", "", "NA"),
    "integers": INTEGERS,
    "integers with gaps": INTEGERS + ("NA", ""),
    "numbers": NUMBERS + INTEGERS,
    "numbers with gaps": NUMBERS + ("nan", ""),
    "truths": TRUTHS,
    "truths with gaps": TRUTHS + ("NA", ""),
    "truths and text": TRUTHS + ("yes",),
    "truths and integers": TRUTHS + ("1",),
    "gaps": NOT_AVAILABLE,
    "large integers": LARGE + ("1", "0"),
    "large and negative integers": LARGE + ("-1",),
    "large integers with gaps": LARGE + ("NA",),
    "larger integers": LARGER + ("5",),
    "larger integers with gaps": LARGER + ("NA",),
    "small integers": ("1", "2"),
    "small numbers": ("1.0", "2", "2.0"),
}

# Only by name: too long for the golden files.
LONG_KINDS = {"long integers": (LONG, "+1"), "long integers with gaps": (LONG, "+1", "NA")}


def _cell(rng: random.Random, text: str) -> str:
    quoted = '"' + text.replace('"', '""') + '"'
    if any(mark in text for mark in ',"\r\n'):
        # A quotation mark inside an unquoted cell, and text behind a closing one, are taken as they stand.
        sloppy = not any(mark in text for mark in ",\r\n") and not text.startswith('"') and rng.random() < 0.3
        return text if sloppy else quoted
    return rng.choice((text, text, quoted, f'"{text[:2]}"{text[2:]}' if text[2:3] not in ("", '"') else quoted))


def gpqa(rng: random.Random, n_questions: int | None = None, kinds: Sequence[str] = ()) -> bytes:
    """A CSV file with the five columns, perhaps more, in any order; each column is of one of the kinds."""
    n_questions = n_questions or rng.randint(1, 6)
    names = list(COLUMNS) + rng.sample(("Record ID", "Canary", "Subdomain", "Question", ""), rng.choice((0, 0, 1, 3)))
    rng.shuffle(names)
    common = rng.choice(
        (
            list(KINDS),
            ["text", "text with gaps", "few words"],
            ["integers", "numbers", "small numbers", "small integers"],
        )
    )
    columns = [
        [rng.choice((KINDS | LONG_KINDS)[kind]) for _unused in range(n_questions)]
        for kind in (rng.choice(list(kinds) or common) for _unused in names)
    ]
    end = rng.choice(("\n", "\r\n"))
    text = ",".join(_cell(rng, name) for name in names) + end
    for row in zip(*columns, strict=True):
        if rng.random() < 0.1:
            text += rng.choice(("", " ", "\t ", "   ")) + end
        text += ",".join(_cell(rng, cell) for cell in row) + end
    if rng.random() < 0.3:
        text = text.removesuffix(end) if columns[-1][-1] else text
    return (rng.choice(("", "", "\ufeff")) + text).encode()


def _answers(rng: random.Random, n_questions: int) -> list[object]:
    kinds: tuple[Callable[[], object], ...] = (
        lambda: rng.randint(0, 999),
        lambda: str(rng.randint(0, 999)),
        lambda: rng.choice(("007", "70", " 5", "5 ", "+3", "1_0", "７０")),
        lambda: rng.choice((70, "588", 16.0, "012")),
        lambda: rng.choice(("336^\\circ", "82 ", "104.5°", "1e3 or so", "49 or so")),
        lambda: rng.choice((336, "336^\\circ", 16.0)),
        lambda: rng.choice((70.0, 5, "6.0")),
        lambda: rng.choice(("70.0", "1e3", "5")),
        lambda: rng.choice(("12345678901234567", "9223372036854775807", "5")),
    )
    kind = rng.choice(kinds)
    return [kind() for _unused in range(n_questions)]


def aime_file(rng: random.Random, n_questions: int | None = None) -> bytes:
    """A file of JSON lines with question and answer, perhaps more keys."""
    n_questions = n_questions or rng.randint(1, 5)
    texts = rng.choice((TEXTS, TEXTS, TEXTS, TEXTS, ("1", "02", "3"), ("1", "2.5"), ("nan", "1")))
    lines = []
    for answer in _answers(rng, n_questions):
        row: dict[str, object] = {"question": rng.choice(texts), "answer": answer}
        if rng.random() < 0.3:
            row = {"id": rng.choice((1, "x", None)), **row, "comment": {"nested": [1, "{"]}}
        lines.append(json.dumps(row, ensure_ascii=rng.random() < 0.5))
        if rng.random() < 0.1:
            lines.append(rng.choice(("", "  ")))
    end = rng.choice(("\n", "\r\n"))
    return (end.join(lines) + rng.choice(("", end, end + end))).encode()
