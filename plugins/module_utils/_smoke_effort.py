# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke effort - whether a server heeds the reasoning effort, told by the tokens of many replies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import Answer, Usage
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check

EFFORT_CHECK = "reasoning effort"


def compare_efforts(efforts: Sequence[str], asked: Sequence[Check]) -> Check:
    """Return whether the first effort took fewer tokens of reasoning than the last, over all prompts.

    `asked` holds a check for each prompt and effort, its group the effort.
    """
    check = Check(EFFORT_CHECK, "efforts", False, "", sum(one.seconds for one in asked))
    check = dataclasses.replace(check, usage=sum((one.usage for one in asked), Usage()))
    if bad := [f"{one.name}: {one.detail}" for one in asked if not one.ok]:
        return dataclasses.replace(check, detail=f"{len(bad)} of {len(asked)} replies were bad; the first: {bad[0]}")
    if any(one.skipped for one in asked):
        return dataclasses.replace(check, ok=True, skipped=True, detail="not compared, as the server hung")
    low, high = efforts[0], efforts[-1]
    answers = {effort: [one.answer for one in asked if one.group == effort and one.answer] for effort in (low, high)}
    numbers, detail = _counted(answers)
    if numbers[low] >= numbers[high]:
        detail = f"expected less at {low} than at {high}, found {detail}"
    elif not any(answer.reasoning for answer in answers[high]):
        detail = f"expected reasoning in the replies at {high}, found none in any of {len(answers[high])}"
    else:
        check = dataclasses.replace(check, ok=True)
    return dataclasses.replace(check, detail=detail, numbers=numbers)


def _counted(answers: Mapping[str, Sequence[Answer]]) -> tuple[dict[str, int], str]:
    """Return the tokens by effort, and in words: of the reasoning where the server tells them, else of the replies."""
    everything = [answer for own in answers.values() for answer in own]
    told = all(answer.usage.reasoning_tokens is not None for answer in everything)
    numbers = {
        effort: sum((one.usage.reasoning_tokens or 0) if told else one.usage.completion_tokens for one in own)
        for effort, own in answers.items()
    }
    counts = ", ".join(f"{count} at {effort}" for effort, count in numbers.items())
    cut = sum(answer.finish_reason == "length" for answer in everything)
    detail = f"tokens of {'reasoning' if told else 'replies'}: {counts}, in {len(everything)} replies"
    return numbers, f"{detail}, {cut} of them cut by max_tokens" if cut else detail
