# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: visible - text of machines that may be broken or worse, without what a terminal would obey."""

from __future__ import annotations

import re

# How logs are coloured (ECMA-48, SGR); nothing is lost without it.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
# Control characters but tab and newline, and what turns the direction of writing (Unicode, UAX 9) or ends a line.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# Halves of a character (UTF-16), which JSON can tell and no file can hold.
_HALVES = re.compile("[\ud800-\udfff]")


def whole(text: str) -> str:
    """Return a text that can be written, with a mark in place of each half of a character."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def visible(text: str) -> str:
    """Return a text without colours, and with a mark in place of each character that would not be seen but obeyed."""
    return _OBEYED.sub("\ufffd", _COLOURS.sub("", text))
