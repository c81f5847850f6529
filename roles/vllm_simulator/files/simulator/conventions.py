# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: conventions, what the replies of a vLLM version hold.

Sources: vLLM wheels 0.10.1 to 0.32.0, entrypoints/openai (protocol.py, serving_chat.py, serving_responses.py and their
later places).
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.kernels import numbers


@dataclass(frozen=True)
class Conventions:
    """What a chat message calls its reasoning, and what is counted and told. The defaults are those of 0.32."""

    reasoning_fields: tuple[str, ...] = ("reasoning",)
    chat_counts_reasoning: bool = True
    responses_counted: bool = True
    incomplete_told: bool = True


def conventions_of(version: str) -> Conventions:
    """Return the conventions of a version such as 0.32.0 or 0.10.1+gptoss."""
    found = numbers(version)
    fields: tuple[str, ...] = ("reasoning",)
    if found < (0, 16, 0):
        fields = ("reasoning_content",) if found < (0, 11, 1) else ("reasoning", "reasoning_content")
    return Conventions(
        reasoning_fields=fields,
        chat_counts_reasoning=found >= (0, 28, 0),
        responses_counted=found >= (0, 10, 2),
        incomplete_told=found >= (0, 11, 0),
    )
