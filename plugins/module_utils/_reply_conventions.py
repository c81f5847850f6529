# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reply conventions - what the replies of a vLLM version hold, as data.

Sources: entrypoints/openai (protocol.py, serving_chat.py, serving_responses.py, context.py and their later places) of
the vLLM releases 0.10.1 to 0.33.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

REASONING_FIELDS = ("reasoning", "reasoning_content")

# From this release on a chat message holds its reasoning in exactly these fields.
_REASONING_FIELDS_FROM = (
    ((0, 10, 0), ("reasoning_content",)),
    ((0, 11, 1), ("reasoning", "reasoning_content")),
    ((0, 16, 0), ("reasoning",)),
)
# Before, the Responses API counted nothing: all its counts were 0. The image gptoss (0.10.2.dev2) is such a build.
_RESPONSES_COUNTED_FROM = (0, 10, 2)
# Before, the Responses API called a reply completed that had struck the token limit.
_INCOMPLETE_TOLD_FROM = (0, 11, 0)
# Before, tokens that came at once could lose their pieces in the stream of a response; the final text had them all.
_PIECES_WHOLE_FROM = (0, 28, 0)
# gpt-oss is served from here on; a lower number is that of a build from source without tags.
_OLDEST = (0, 10, 0)

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?([^+]*)")
_BEFORE_RELEASE = re.compile(r"dev|rc|a\d|b\d")


@dataclass(frozen=True)
class Conventions:
    """What to expect of replies. Where the version is not known, what any version does is fine.

    `reasoning_fields` is None where each of REASONING_FIELDS is fine.
    """

    reasoning_fields: Optional[tuple[str, ...]] = None
    responses_counted: bool = False
    incomplete_told: bool = False
    pieces_whole: bool = False


def conventions_of(version: Optional[str]) -> Conventions:
    """Return the conventions of a vLLM version as /version tells it, such as 0.32.0 or 0.10.2.dev2+gf5635d62e."""
    match = _VERSION.match(version or "")
    if not match or (numbers := tuple(int(part or 0) for part in match.groups()[:3])) < _OLDEST:
        return Conventions()
    unreleased = bool(_BEFORE_RELEASE.search(match.group(4)))

    def has(first: tuple[int, ...]) -> bool:
        return numbers > first if unreleased else numbers >= first

    fields = [names for first, names in _REASONING_FIELDS_FROM if numbers >= first][-1]
    return Conventions(
        reasoning_fields=None if unreleased else fields,
        responses_counted=has(_RESPONSES_COUNTED_FROM),
        incomplete_told=has(_INCOMPLETE_TOLD_FROM),
        pieces_whole=has(_PIECES_WHOLE_FROM),
    )
