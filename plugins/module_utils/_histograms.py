# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: histograms, percentiles of what a server's own histograms counted between two looks at its /metrics.

A histogram is cumulative: each bucket counts the observations up to its bound "le", the last one (+Inf) all
(https://prometheus.io/docs/concepts/metric_types/). Percentiles come from linear interpolation within a bucket, as
Prometheus' histogram_quantile() does (https://prometheus.io/docs/prometheus/latest/querying/functions/): they are as
exact as the buckets are fine.
"""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import MetricsError, samples

TIME_TO_FIRST_TOKEN = "vllm:time_to_first_token_seconds"
LATENCY = "vllm:e2e_request_latency_seconds"
_PERCENTILES = (50, 90, 99)
Buckets = Mapping[float, float]  # upper bound -> observations up to it


class Look(NamedTuple):
    """The histograms of one look; empty where the server has none."""

    time_to_first_token: Buckets
    latency: Buckets


NOTHING = Look({}, {})


class ServerTimes:
    """What a server took for its requests since the first look, whoever asked them, restarts in between included."""

    def __init__(self) -> None:
        self._last: Optional[Look] = None
        self.seen = NOTHING

    def see(self, text: str) -> None:
        """Take in the server's metrics as they are now."""
        fresh = look(text)
        if fresh == NOTHING:
            return
        if self._last is not None:
            pairs = zip(self.seen, self._last, fresh)
            self.seen = Look(*(added(seen, between(last, new)) for seen, last, new in pairs))
        self._last = fresh

    def time_to_first_token(self) -> Optional[dict[str, Any]]:
        """Return the percentiles of the time to the first token; None where nothing was counted."""
        return spread(self.seen.time_to_first_token)

    def latency(self) -> Optional[dict[str, Any]]:
        """Return the percentiles of whole requests, as the server counts them."""
        return spread(self.seen.latency)


def look(text: str) -> Look:
    """Read the histograms from a text of metrics, all engines and models together; NOTHING where it is no metrics."""
    found: dict[str, dict[float, float]] = {TIME_TO_FIRST_TOKEN: {}, LATENCY: {}}
    try:
        for sample in samples(text, [f"{name}_bucket" for name in found]):
            own = found[sample.name[: -len("_bucket")]]
            bound = float(sample.labels.get("le", "nan"))
            own[bound] = own.get(bound, 0.0) + sample.value
    except (MetricsError, ValueError):
        return NOTHING
    return Look(found[TIME_TO_FIRST_TOKEN], found[LATENCY])


def between(before: Buckets, after: Buckets) -> dict[float, float]:
    """Return what was observed between two looks; all of the second where the server was started anew in between."""
    if any(after.get(bound, 0.0) < count for bound, count in before.items()):
        return dict(after)
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def added(one: Buckets, other: Buckets) -> dict[float, float]:
    """Return the observations of two times, or of two servers with the same buckets, together."""
    return {bound: one.get(bound, 0.0) + other.get(bound, 0.0) for bound in {*one, *other}}


def quantile(buckets: Buckets, share: float) -> Optional[float]:
    """Return the value below which this share lies; None of an empty histogram.

    In the bucket without an upper bound it is that bucket's lower bound: the truth is not below.
    """
    bounds = sorted(bound for bound in buckets if not math.isnan(bound))
    total = buckets[bounds[-1]] if bounds else 0.0
    if math.isnan(total) or total <= 0:
        return None
    wanted = share * total
    lower = below = 0.0
    for bound in bounds:
        if buckets[bound] >= wanted and buckets[bound] > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * max(0.0, wanted - below) / (buckets[bound] - below)
        lower, below = bound, buckets[bound]
    return lower


def spread(buckets: Buckets) -> Optional[dict[str, Any]]:
    """Return median, 90th and 99th percentile in seconds, over how many requests, and whose count it is."""
    n_requests = max((count for bound, count in buckets.items() if math.isinf(bound)), default=0.0)
    if not n_requests > 0:
        return None
    told = {f"p{percent}": quantile(buckets, percent / 100.0) for percent in _PERCENTILES}
    rounded = {name: None if value is None else round(value, 3) for name, value in told.items()}
    return {**rounded, "n_requests": int(n_requests), "source": "server"}
