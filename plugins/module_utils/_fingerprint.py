# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint - asks a server about fixed texts, one at a time, twice, and tells how far it repeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import ApiError, checked
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import distance
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import PROMPTS, VERSION, Prompt, digest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_reply import (
    FingerprintError,
    reply_row,
    request_of,
)

Row = dict[str, Any]


def take(
    api: Api, model: str, repeats: int, salt: Callable[[], str], prompts: Sequence[Prompt] = PROMPTS
) -> dict[str, Any]:
    """Return the fingerprint: `prompts`, `replies`, `too_long` and `repeat`. Raises ApiError and FingerprintError.

    `too_long` maps the name of each text that is longer than the server's context to the server's refusal. `repeat` is
    the largest distance of a later round from the first, None where there is one round only.
    """
    replies, too_long = _round(api, model, salt, prompts)
    asked = [prompt for prompt in prompts if prompt.name not in too_long]
    if not asked:
        raise FingerprintError(f"the server's context is too short for each text: {next(iter(too_long.values()))}")
    again = [distance(_round(api, model, salt, asked)[0], replies) for _repeat in range(1, repeats)]
    return {
        "prompts": {"version": VERSION, "digest": digest(), "names": [prompt.name for prompt in asked]},
        "replies": replies,
        "too_long": too_long,
        "repeat": max(again, key=lambda each: each.mean).numbers() if again else None,
    }


def _round(
    api: Api, model: str, salt: Callable[[], str], prompts: Sequence[Prompt]
) -> tuple[list[Row], dict[str, str]]:
    replies: list[Row] = []
    too_long: dict[str, str] = {}
    for prompt in prompts:
        begun = time.monotonic()
        try:
            body = checked(api.post("completions", request_of(prompt, model, salt())))
        except ApiError as exc:
            if not _is_too_long(exc):
                raise
            too_long[prompt.name] = str(exc)
            continue
        replies.append({**reply_row(prompt, body), "seconds": round(time.monotonic() - begun, 3)})
    return replies, too_long


def _is_too_long(error: ApiError) -> bool:
    """Tell whether a request was refused for the length of its text, which each version words in its own way."""
    text = str(error).lower()
    return error.status == 400 and ("context length" in text or "max_model_len" in text)
