# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: token limit, the limit of a reply's tokens that a server takes: the wanted one unless it refuses that.

The reference sends 131,072 whatever the server's context. vLLM's own gpt-oss path cuts that to what fits
(get_max_tokens of vLLM 0.32.0); other versions and paths answer HTTP 400, and to each request of the eval.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import checked
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

# The longest prompt is told by its characters; another may have more tokens.
MARGIN_TOKENS = 64
_REPLY_SECONDS = 60.0
_REFUSED = (400, 413, 422)
# The fewest tokens that every version's Responses API allows (OpenAI's reference for max_output_tokens).
_FEWEST_TOKENS = 16


class TokenLimit(NamedTuple):
    """The limit that was wanted, the one to send, and where they differ the refusal and the longest prompt's tokens."""

    wanted: int
    sent: int
    reason: str = ""
    prompt_tokens: Optional[int] = None


def find_limit(spec: EvalSpec, api_key: Optional[str], facts: ServerFacts, samples: Iterable[Sample]) -> TokenLimit:
    """Ask the longest prompt with the wanted limit, and with one that fits if it is refused. Raises ProbeError.

    An accepted request is given up at once: no reply is waited for.
    """
    prompt = max((sample.prompt for sample in samples), key=len)
    api = Api(spec.base_url, api_key, _REPLY_SECONDS)
    refusal = _refusal(api, spec, prompt, spec.max_tokens)
    if refusal is None:
        return TokenLimit(spec.max_tokens, spec.max_tokens)
    if facts.max_model_len is None:
        raise ProbeError(
            f"the server refuses max_tokens {spec.max_tokens} ({refusal}) and tells no max_model_len; set max_tokens"
        )
    prompt_tokens = _prompt_tokens(api, spec, prompt, refusal)
    fitted = facts.max_model_len - prompt_tokens - MARGIN_TOKENS
    again = _refusal(api, spec, prompt, fitted) if fitted > 0 else "nothing is left for a reply"
    if again is not None:
        raise ProbeError(
            f"the server refuses max_tokens {spec.max_tokens} ({refusal}), and {fitted}, which is its max_model_len of "
            f"{facts.max_model_len} less the prompt's {prompt_tokens} and {MARGIN_TOKENS}, too: {again}; set max_tokens"
        )
    return TokenLimit(spec.max_tokens, fitted, refusal, prompt_tokens)


def _request(spec: EvalSpec, prompt: str, max_tokens: int) -> tuple[str, dict[str, Any]]:
    sampler = SAMPLERS[spec.sampler](spec.model, spec.reasoning_efforts[0], spec.temperature, max_tokens)
    return sampler.path, json.loads(sampler.body(prompt))


def _refusal(api: Api, spec: EvalSpec, prompt: str, max_tokens: int) -> Optional[str]:
    path, body = _request(spec, prompt, max_tokens)
    try:
        api.open_stream(path, {**body, "stream": True})
    except ApiError as exc:
        if exc.status in _REFUSED:
            return str(exc)
        raise ProbeError(f"cannot find out which max_tokens the server takes: {exc}") from exc
    return None


def _prompt_tokens(api: Api, spec: EvalSpec, prompt: str, refusal: str) -> int:
    path, body = _request(spec, prompt, _FEWEST_TOKENS)
    try:
        usage = checked(api.post(path, body)).get("usage")
    except ApiError as exc:
        raise ProbeError(_untold(spec, refusal, str(exc))) from exc
    found = usage.get("input_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    if not isinstance(found, int):
        raise ProbeError(_untold(spec, refusal, f"its usage is {str(usage)[:300]}"))
    return found


def _untold(spec: EvalSpec, refusal: str, found: str) -> str:
    return (
        f"the server refuses max_tokens {spec.max_tokens} ({refusal}), and does not tell the prompt's tokens when "
        f"asked for {_FEWEST_TOKENS}: {found}; correct the server, or set max_tokens"
    )
