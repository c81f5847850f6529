# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint words - comparisons of fingerprints as sentences, which go on after the word "fingerprint"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import Distance
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import BAD, GOOD

_CAUSES = "wrong weights, revision or MoE mode, or a computing error"
# A spread below this is called none: log-probabilities are rounded to 0.001.
_NO_SPREAD = 0.0005
_DECLARED = (("revision", "its revision is"), ("vllm_version", "its vLLM is"), ("image_digest", "its image is"))

Row = Mapping[str, Any]


class Against(NamedTuple):
    """What a server is compared with: the fleet's other servers, or the baseline."""

    what: str
    n_others: int = 0


def difference_words(
    against: Against, found: Distance, spread: float | None, own: Row, other: Row, verdict: str
) -> str:
    """Return a comparison in words, its size first."""
    whose = "the fleet's" if against.what == "fleet" else "the accepted baseline's"
    if verdict == GOOD:
        return f"agrees with {whose}: {_size(found)}"
    if found.n_tokens:
        return f"differs from {whose}: {found.n_tokens} texts are cut into other tokens: wrong tokenizer or revision"
    times = ""
    if spread is not None:
        times = f", {found.mean / spread:.0f} x the fleet's spread" if spread >= _NO_SPREAD else ", the others 0.000"
    told = "".join(f"; {difference}" for difference in _declared(own, other))
    ending = _CAUSES if verdict == BAD else "rounding, or a small error: worth a look"
    return f"differs from {whose}: {_size(found, times)}{told}: {ending}"


def pair_words(found: Distance, name: str) -> str:
    """Return how the only two servers of a kind compare."""
    return f"against the only other server, {name}: {_size(found)}; of two that differ nobody can say which one is off"


def repeat_words(repeat: Row) -> str:
    """Return how a server that is asked twice differs from itself."""
    return (
        f"differs from its own of a minute before: mean |d log p| {repeat['mean']:.3f}, {repeat['n_top_differ']} of "
        f"{repeat['n_positions']} top tokens differ: a computing error"
    )


def unsteady_words(repeat: Row) -> str:
    """Return that a server differs from itself as much, and what to do then."""
    return (
        f"; from one round to the next it differs from itself by {repeat['mean']:.3f}, as one that answers other "
        "requests does: take it again while it is idle"
    )


def with_place(reasons: Sequence[str], row: Row, n_good: int, n_bad: int) -> list[str]:
    """Return the reasons; the first ends in what to blame, where the other servers of the host tell."""
    gpus = str(row.get("gpus") or "")
    if n_good and gpus and gpus not in ("all", "none"):
        others = "other server agrees" if n_good == 1 else f"other {n_good} servers agree"
        words = f"; the host's {others}, so look at GPU {gpus}"
    elif not n_good and n_bad > 1:
        words = f"; all {n_bad} servers of the host differ, so it is no single GPU"
    else:
        return list(reasons)
    return [reasons[0] + words, *reasons[1:]]


def _size(found: Distance, times: str = "") -> str:
    return f"mean |d log p| {found.mean:.3f}{times}; {found.n_top} of {found.n} top tokens differ"


def _declared(own: Row, other: Row) -> list[str]:
    """Return what the servers themselves say that they differ in."""
    return [
        f"{words} {str(own[name])[:19]}, not {str(other[name])[:19]}"
        for name, words in _DECLARED
        if own.get(name) and other.get(name) and own[name] != other[name]
    ]
