# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: logprobs, made-up log-probabilities of /v1/completions in the shape of vLLM 0.32.

They depend on the text and the weights' number alone, so servers with the same number agree, whatever their seed. Noise
is added on top, other noise on each server: what wrong weights or a computing error would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from simulator.hashing import short_hex, unit

_VOCABULARY = 200_000
_NORMAL = NormalDist()
# The likeliest token has at least this log-probability here.
_LIKELIEST = -1.0
_TOKEN = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True)
class Weights:
    """The weights that a server has loaded: their number, and how far its own arithmetic is off, in nats."""

    number: int = 0
    noise: float = 0.0
    seed: int = 0

    def scored(self, text: str) -> list[tuple[int, float, int]]:
        """Return token, log-probability and likeliest token of each piece of a text."""
        rows = []
        before = ""
        for match in _TOKEN.finditer(text):
            place = short_hex(f"{self.number}/{before}".encode())
            token = _number("token", match.group())
            logprob = min(-0.001, -4.0 * unit("logprob", place, token) ** 2 + self._error(place))
            rows.append((token, logprob, token if logprob > _LIKELIEST else _number("other", place)))
            before = short_hex((before + match.group()).encode())
        return rows

    def generated(self, text: str, count: int) -> list[tuple[int, float]]:
        """Return so many tokens that follow a text, with their log-probabilities; an error may lead another way."""
        rows = []
        way = ""
        for step in range(count):
            place = short_hex(f"{self.number}/{text}/{way}/{step}".encode())
            error = self._error(place)
            token = _number("next", place, abs(error) > 0.5)
            rows.append((token, min(-0.001, _LIKELIEST * unit("certain", place) + error)))
            way = short_hex(f"{way}/{token}".encode())
        return rows

    def _error(self, place: str) -> float:
        return self.noise * _NORMAL.inv_cdf(unit("error", self.seed, place)) if self.noise else 0.0


def with_logprobs(reply: dict[str, Any], payload: Mapping[str, Any], weights: Weights) -> dict[str, Any]:
    """Return the reply with the log-probabilities that were asked for."""
    choice = reply["choices"][0]
    if payload.get("prompt_logprobs") is not None:
        choice["prompt_logprobs"] = [None, *map(_position, weights.scored(str(payload["prompt"]))[1:])]
    if payload.get("logprobs") is not None:
        count = reply["usage"]["completion_tokens"]
        if payload.get("ignore_eos"):
            count = int(payload.get("max_tokens") or 16)
        rows = weights.generated(str(payload["prompt"]), count)
        tokens = [f"token_id:{token}" for token, _logprob in rows]
        choice["logprobs"] = {
            "text_offset": list(range(len(tokens))),
            "token_logprobs": [logprob for _token, logprob in rows],
            "tokens": tokens,
            "top_logprobs": [{token: row[1]} for token, row in zip(tokens, rows, strict=True)],
        }
    return reply


def _position(row: tuple[int, float, int]) -> dict[str, dict[str, Any]]:
    token, logprob, likeliest = row
    if token == likeliest:
        return {str(token): {"logprob": logprob, "rank": 1, "decoded_token": None}}
    return {
        str(token): {"logprob": logprob, "rank": 2, "decoded_token": None},
        str(likeliest): {"logprob": _LIKELIEST / 2, "rank": 1, "decoded_token": None},
    }


def _number(*parts: object) -> int:
    return int(unit(*parts) * _VOCABULARY)
