from __future__ import annotations

import re

import pytest
from failure_classes import Failure, sections
from pattern_texts import texts

LETTERS = "abcdefghijklmnopqrst"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"system not yet initialized|[Ee]rror 802", ["system not yet initialized", "Error 802"]),
        (r"exec: \"(?P<what>[^\"]+)\": (?:not found|stat .*file)", ['exec: "…": not found', 'exec: "…": stat …file']),
        (r"sinks must be (?:of type )?float32\b", ["sinks must be float32"]),
        (r"5\d\d Server Error.*", ["5… Server Error…"]),
        (r"^(?P<key>\w+)\n +Input$", ["…\n Input"]),
        (r"x{3}(an|be)(by|to)", ["xxxanby", "xxxanto", "xxxbeby", "xxxbeto"]),
        ("|".join(letter * 2 for letter in LETTERS), [letter * 2 for letter in LETTERS[:12]]),
    ],
)
def test_a_pattern_as_texts(pattern: str, expected: list[str]) -> None:
    assert texts(pattern) == expected


SEARCHED = [row for section in sections() if section.searched for row in section.rows if row.pattern]


@pytest.mark.parametrize("row", SEARCHED, ids=lambda row: row.name)
def test_what_the_pages_show_is_what_the_patterns_find(row: Failure) -> None:
    """Read back, with a number for what varies, each text is found by its own pattern."""
    for text in texts(row.pattern):
        assert any(re.search(row.pattern, text.replace("…", filled), re.MULTILINE) for filled in ("11", "x")), text
