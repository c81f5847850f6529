# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gibberish - tells text that a broken server makes from text that a model writes.

Broken kernels, weights and all-reduces give one token for ever, loops, bytes that are no text, or a mixture of all
scripts. Prose of any language, mathematics, code and tables must pass: each limit is well above what those do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_LOOKED_AT = 8000  # characters; whatever is wrong shows in so many
_FEW_SYMBOLS = 4
_LEAST_WORD_SHARE = 0.15  # regular expressions have 0.2, LaTeX 0.5, code 0.6, prose 0.95
_LONGEST_WORD = 80  # the longest German words have just over 60 letters
_MOST_SPACE = 200
_REPLACEMENT = "\ufffd"

# How long one character may go on. Rules, leaders and numbers written out go on longer than letters do.
_LONGEST_RUN = 20
_LONGEST_RUN_OF_LINES = 150
_RUN = re.compile(rf"(\S)\1{{{_LONGEST_RUN - 1},}}")
_SPACE = re.compile(rf"\s{{{_MOST_SPACE}}}")
_LINES = frozenset("-=_*~#.+─═—–…·0123456789")

# A part that follows upon itself: so often at least, over so many characters, over such a share of the text.
_LOOPS = ((3, 100, 0.95), (4, 20, 0.9), (8, 40, 0.5), (8, 400, 0.0))
_LOOPS_WITHOUT_WORDS = ((8, 60, 0.95),)  # products written out, matrices and borders of tables repeat themselves
_COMMAND = re.compile(r"\\[A-Za-z]+")  # of LaTeX
_LOOP = re.compile(r"(\S.{1,159}?)\1{2,}", re.DOTALL)

_TRIGRAMS = 50  # so many words make the next number a measure
_LEAST_DISTINCT = 0.25  # distinct trigrams of words; prose has more than 0.8, tables of numbers 0.5

# UTF-8 read as Latin-1 or Windows-1252: é becomes Ã©, п becomes Ð¿.
_MOJIBAKE = re.compile("[ÂÃÄÅÐÑÎÏ][\u0080-\u00bf]|â€|ã[\u0080-\u0083]|\u00e2\u0080")
_MOST_MOJIBAKE = 2

# Scripts written without spaces between words.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO")
_LETTERS = re.compile(r"[^\W\d_]+")
_VOWELS = frozenset("aeiouyæœøı")
_VOWELLESS = (8, 0.6)  # so many words of Latin letters, so large a share of them
_MIXED = 3  # words of Latin and Cyrillic letters
_SCRIPTS = (40, 4, 0.4)  # words, scripts, share of words in another script than the word before


def gibberish(text: str) -> str:
    """Return what makes a text gibberish, as the end of the sentence "The text ...", or "" for one that may be good."""
    looked_at = text[:_LOOKED_AT]
    return next(filter(None, (check(looked_at) for check in _CHECKS)), "")


def _empty(text: str) -> str:
    return "" if text.strip() else "is empty"


def _bad_characters(text: str) -> str:
    replaced = text.count(_REPLACEMENT)
    if replaced > 2 or replaced > 0.02 * len(text):
        return f"holds {replaced} replacement characters, bytes that are no text"
    if bad := {c for c in text if c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Co")}:
        return f"holds control or private characters: {', '.join(f'U+{ord(c):04X}' for c in sorted(bad)[:5])}"
    if len(found := _MOJIBAKE.findall(text)) > _MOST_MOJIBAKE:
        return f"holds wrongly decoded characters such as {found[0]!r}"
    return ""


def _one_character(text: str) -> str:
    dense = "".join(text.split())
    if len(dense) >= 6 and dense.count(dense[0]) >= 0.9 * len(dense) and not dense[0].isdigit():
        return f"is {dense[0]!r} again and again"
    for match in _RUN.finditer(text):
        length, character = len(match.group(0)), match.group(1)
        if length >= (_LONGEST_RUN_OF_LINES if character in _LINES else _LONGEST_RUN):
            return f"holds {character!r} {length} times in a row"
    return f"holds more than {_MOST_SPACE} blanks in a row" if _SPACE.search(text) else ""


def _loop(text: str) -> str:
    for match in _LOOP.finditer(text):
        part, length = match.group(1), len(match.group(0))
        repeats, worded = length // len(part), _LETTERS.search(_COMMAND.sub("", part))
        for least, least_length, share in _LOOPS if worded else _LOOPS_WITHOUT_WORDS:
            if repeats >= least and length >= least_length and length >= share * len(text.strip()):
                return f"repeats {part[:60]!r} {repeats} times"
    words = text.lower().split()
    trigrams = list(zip(words, words[1:], words[2:]))
    if len(trigrams) >= _TRIGRAMS and len(set(trigrams)) < _LEAST_DISTINCT * len(trigrams):
        return f"says the same again and again: {len(set(trigrams))} of {len(trigrams)} word triples are different"
    return ""


def _few_words(text: str) -> str:
    dense = re.sub(r"(\W)\1{3,}", r"\1", "".join(text.split()))  # a rule counts as one symbol
    share = sum(unicodedata.category(c)[0] in "LMN" for c in dense) / len(dense)
    least = _LEAST_WORD_SHARE if len(dense) >= 12 else 0.0
    if len(text.strip()) >= _FEW_SYMBOLS and (share < least or share == 0):
        return f"holds hardly a letter or digit: {share:.0%} of its characters"
    return ""


def _long_words(text: str) -> str:
    for word in _LETTERS.findall(text):
        if len(word) > _LONGEST_WORD and _script(word[0]) not in _UNSPACED and _script(word[-1]) not in _UNSPACED:
            return f"holds a word of {len(word)} letters: {word[:40]!r}..."
    return ""


def _strange_words(text: str) -> str:
    words = _LETTERS.findall(text)
    latin = [word for word in words if len(word) > 2 and word.isascii()]
    voiceless = [word for word in latin if not _VOWELS & set(word.lower())]
    if len(latin) >= _VOWELLESS[0] and len(voiceless) > _VOWELLESS[1] * len(latin):
        return f"consists of words without vowels, such as {voiceless[0]!r}"
    mixed = [word for word in words if {"LATIN", "CYRILLIC"} <= {_script(c) for c in word}]
    if len(mixed) >= _MIXED:
        return f"mixes scripts within words, such as {mixed[0]!r}"
    scripts = [_script(word[0]) for word in words]
    changes = sum(a != b for a, b in zip(scripts, scripts[1:]))
    least, kinds, share = _SCRIPTS
    if len(words) >= least and len(set(scripts) - {"GREEK"}) >= kinds and changes > share * len(words):
        return f"mixes {len(set(scripts))} scripts"
    return ""


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


_CHECKS: tuple[Callable[[str], str], ...] = (
    _empty,
    _bad_characters,
    _one_character,
    _loop,
    _few_words,
    _long_words,
    _strange_words,
)
