# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint distance - how far two fingerprints are apart, and the one in the middle of several.

Replies are what _fingerprint_reply.reply_row returns, a list of one for each text. Log-probabilities are in nats.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Two tokens that both are out of the question say nothing by how much they are: the difference counts up to this.
_MOST = 10.0

Reply = Mapping[str, Any]


class Distance(NamedTuple):
    """The mean and the largest absolute difference of the log-probabilities, and how many likeliest tokens differ."""

    mean: float
    largest: float
    n_top: int
    n: int
    n_tokens: int = 0  # texts that were cut into other tokens, whose positions cannot be compared

    def numbers(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "mean": round(self.mean, 4),
            "largest": round(self.largest, 3),
            "n_top_differ": self.n_top,
            "n_positions": self.n,
            "n_texts_cut_otherwise": self.n_tokens,
        }


def distance(replies: Sequence[Reply], centre: Sequence[Reply], kind: str = "") -> Distance:
    """Return the distance over the texts that both have, or those of one kind.

    After the first generated token that differs the rest of that reply answers another text, and is not compared.
    """
    others = {reply["name"]: reply for reply in centre}
    differences: list[float] = []
    n_top = n_positions = n_tokens = 0
    for reply in replies:
        other = others.get(reply["name"])
        if other is None or kind not in ("", reply["kind"]):
            continue
        if reply["tokens"] != other["tokens"] or reply["n_tokens"] != other["n_tokens"]:
            n_tokens += 1
            continue
        differences += _differences(reply["logprobs"], other["logprobs"])
        n_top += sum(own != top for own, top in zip(reply["top"], other["top"]))
        same = _same(reply["generated"]["tokens"], other["generated"]["tokens"])
        differences += _differences(reply["generated"]["logprobs"][:same], other["generated"]["logprobs"])
        ended_early = same < len(reply["generated"]["tokens"])
        n_top += ended_early
        n_positions += len(reply["logprobs"]) + same + ended_early
    mean = math.fsum(differences) / len(differences) if differences else 0.0
    return Distance(mean, max(differences, default=0.0), n_top, n_positions, n_tokens)


def centre_of(fingerprints: Sequence[Sequence[Reply]]) -> list[dict[str, Any]]:
    """Return the replies in the middle: the median of each log-probability, the most frequent of each token.

    The median is over all, the one that is to be judged too: it cannot move while most agree (breakdown point 1/2,
    Hampel 1971, Ann. Math. Statist. 42:1887), and without it a fleet of three would leave two, whose median a bad one
    moves.
    """
    names = [reply["name"] for reply in fingerprints[0]]
    by_name = [{reply["name"]: reply for reply in replies} for replies in fingerprints]
    shared = [name for name in names if all(name in replies for replies in by_name)]
    return [_middle([replies[name] for replies in by_name]) for name in shared]


def _middle(replies: Sequence[Reply]) -> dict[str, Any]:
    tokens, n_tokens = _most((reply["tokens"], reply["n_tokens"]) for reply in replies)
    own = [reply for reply in replies if (reply["tokens"], reply["n_tokens"]) == (tokens, n_tokens)]
    return {
        "name": own[0]["name"],
        "kind": own[0]["kind"],
        "tokens": tokens,
        "n_tokens": n_tokens,
        "logprobs": [statistics.median(values) for values in zip(*(reply["logprobs"] for reply in own))],
        "top": [_most(values) for values in zip(*(reply["top"] for reply in own))],
        "generated": _generated([reply["generated"] for reply in own]),
    }


def _generated(replies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the way that most go, token by token, with the median over those that are still on it."""
    tokens: list[int] = []
    logprobs: list[float] = []
    going = list(replies)
    for step in range(min(len(reply["tokens"]) for reply in replies)):
        token = _most(reply["tokens"][step] for reply in going)
        going = [reply for reply in going if reply["tokens"][step] == token]
        tokens.append(token)
        logprobs.append(statistics.median(reply["logprobs"][step] for reply in going))
    return {"tokens": tokens, "logprobs": logprobs}


def _most(values: Any) -> Any:
    """Return the most frequent value; of those that tie the smallest, so that the order of hosts changes nothing."""
    counts = Counter(values)
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=repr)


def _differences(own: Sequence[float], other: Sequence[float]) -> list[float]:
    return [min(_MOST, abs(one - two)) for one, two in zip(own, other)]


def _same(own: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens are the same from the beginning on."""
    return next((step for step, pair in enumerate(zip(own, other)) if pair[0] != pair[1]), min(len(own), len(other)))
