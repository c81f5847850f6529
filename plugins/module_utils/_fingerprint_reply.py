# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint reply - what is asked of a server about one text, and the numbers of its reply.

Each text is one request of /v1/completions, so nothing is rendered by the server. With `prompt_logprobs` vLLM tells the
log-probability of each token of the text itself (teacher forcing): hundreds of positions a request, and no difference
grows into another, as it does with free decoding after the first token that differs. Sources, vLLM 0.10.1.1 to 0.32.0:

- entrypoints/openai/completion/protocol.py (before 0.17: entrypoints/openai/protocol.py), CompletionRequest: all of
  them know `prompt_logprobs`, `return_tokens_as_token_ids`, `add_special_tokens`, `ignore_eos` and `cache_salt`.
- v1/core/kv_cache_manager.py, get_computed_blocks: a request with `prompt_logprobs` never reads the prefix cache. One
  without does, but only blocks of the same `cache_salt`: with a new salt each time all of the text is computed.
- v1/worker/gpu_model_runner.py, _get_prompt_logprobs_dict: the logits of all positions of a step are held at once, with
  the log-probabilities 6 bytes for each of 201,088 tokens. That is not in the memory that the engine sets apart, so the
  scored texts stay below 200 tokens, 0.25 GB; of long texts only the tokens that follow are looked at.
- config: `logprobs_mode` is raw_logprobs unless set otherwise, so temperature and penalties change nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import Prompt

# Tokens that are generated after each text, greedily: the kernels that decode are others than those that read.
GENERATED = 16
# JSON knows no infinity; some versions write this for it.
LOWEST = -9999.0
_DIGITS = 3
_ID = "token_id:"


class FingerprintError(Exception):
    """A reply that holds no numbers to compare."""


def request_of(prompt: Prompt, model: str, salt: str) -> dict[str, Any]:
    """Return the body of the request. `salt` must be a new one each time."""
    body = {
        "model": model,
        "prompt": prompt.text,
        "max_tokens": GENERATED,
        "temperature": 0.0,
        "seed": 0,
        "logprobs": 1,
        "return_tokens_as_token_ids": True,
        "add_special_tokens": False,
        "ignore_eos": True,
        "cache_salt": salt,
    }
    return {**body, "prompt_logprobs": 1} if prompt.scored else body


def reply_row(prompt: Prompt, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a reply. Raises FingerprintError when they are not in it.

    `logprobs` (nats) and `top` (the id of the likeliest token) have an entry for each token of the text from the second
    on; `generated` holds `tokens` and `logprobs` of those that follow; `tokens` stands for the ids of the text's.
    """
    choices, usage = body.get("choices"), body.get("usage")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    ids, logprobs, top = _scored(prompt, choice.get("prompt_logprobs")) if prompt.scored else ([], [], [])
    if prompt.scored and not logprobs:
        raise FingerprintError(f"expected prompt_logprobs for the text {prompt.name}, found none in the reply")
    return {
        "name": prompt.name,
        "kind": prompt.kind,
        "n_tokens": usage.get("prompt_tokens") if isinstance(usage, Mapping) else None,
        "tokens": hashlib.sha256(repr(ids).encode()).hexdigest()[:12] if ids else None,
        "logprobs": logprobs,
        "top": top,
        "generated": _generated(prompt, choice.get("logprobs")),
    }


def _scored(prompt: Prompt, positions: Any) -> tuple[list[int], list[float], list[int]]:
    """Return ids, log-probabilities and likeliest ids; the first position has none, as nothing stands before it."""
    try:
        return _positions(positions or [])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as exc:
        raise FingerprintError(
            f"expected rank and logprob of each token of the text {prompt.name}, found {str(positions)[:200]!r}; "
            "is this a vLLM server?"
        ) from exc


def _positions(positions: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[float], list[int]]:
    ids: list[int] = []
    logprobs: list[float] = []
    top: list[int] = []
    for position in positions[1:]:
        entries = {int(token): entry for token, entry in position.items()}
        likeliest = min(entries, key=lambda token: entries[token]["rank"])
        # The token of the text and the likeliest one; a single entry is both.
        own = next((token for token in entries if token != likeliest), likeliest)
        ids.append(own)
        logprobs.append(_rounded(entries[own]["logprob"]))
        top.append(likeliest)
    return ids, logprobs, top


def _generated(prompt: Prompt, found: Any) -> dict[str, Any]:
    told = found if isinstance(found, Mapping) else {}
    tokens, logprobs = (_list(told.get(name)) for name in ("tokens", "token_logprobs"))
    if len(tokens) != GENERATED or len(logprobs) != GENERATED:
        raise FingerprintError(
            f"expected {GENERATED} tokens with log-probabilities after the text {prompt.name}, found {len(tokens)}"
        )
    try:
        return {
            "tokens": [_id(token) for token in tokens or []],
            "logprobs": [_rounded(value) for value in logprobs or []],
        }
    except (TypeError, ValueError) as exc:
        raise FingerprintError(
            f"expected numbers as log-probabilities after the text {prompt.name}, found {str(logprobs)[:200]}"
        ) from exc


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _id(token: Any) -> int:
    number = str(token)[len(_ID) :]
    if not str(token).startswith(_ID) or not (number.isascii() and number.isdigit()):
        raise FingerprintError(f"expected tokens by their id ({_ID}NUMBER), found {token!r}")
    return int(number)


def _rounded(value: Optional[float]) -> float:
    if value is None:
        return LOWEST
    if not value < math.inf:  # NaN too
        raise ValueError(value)
    return round(max(LOWEST, value), _DIGITS) + 0.0  # no -0.0
