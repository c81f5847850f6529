# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import random

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._histograms import (
    NOTHING,
    ServerTimes,
    added,
    between,
    look,
    quantile,
    spread,
)

INFINITE = math.inf


def metrics(*counts: float, engine: str = "0", name: str = "time_to_first_token_seconds") -> str:
    """Return a server's metrics with the buckets 0.1, 1, 10 and all."""
    lines = [f"# TYPE vllm:{name} histogram"]
    for bound, count in zip(("0.1", "1.0", "10.0", "+Inf"), counts, strict=True):
        lines.append(f'vllm:{name}_bucket{{engine="{engine}",le="{bound}",model_name="m"}} {count}')
    lines += [f'vllm:{name}_count{{engine="{engine}",model_name="m"}} {counts[-1]}', "vllm:num_requests_running 1"]
    return "\n".join(lines) + "\n"


def test_engines_are_read_together() -> None:
    text = (
        metrics(1, 2, 3, 4) + metrics(1, 1, 1, 2, engine="1") + metrics(0, 0, 1, 1, name="e2e_request_latency_seconds")
    )
    seen = look(text)
    assert seen.time_to_first_token == {0.1: 2, 1.0: 3, 10.0: 4, INFINITE: 6}
    assert seen.latency == {0.1: 0, 1.0: 0, 10.0: 1, INFINITE: 1}


@pytest.mark.parametrize(
    "text", ["", "<html>", "vllm:num_requests_running 1\n", 'vllm:time_to_first_token_seconds_bucket{le="x"} 1']
)
def test_no_histograms(text: str) -> None:
    assert look(text) == NOTHING


@pytest.mark.parametrize(
    ("share", "value"),
    [
        (0.5, 1.0),  # the fifth of ten observations is the last of the second bucket
        (0.25, 0.1 + 0.9 * 0.5 / 3),  # 2.5: half an observation of three into it
        (0.1, 0.05),  # the first of two in the first, which begins at 0
        (0.9, 10.0),
        (0.99, 10.0),  # beyond the last bound: not below it
    ],
)
def test_interpolation_as_by_histogram_quantile(share: float, value: float) -> None:
    assert quantile({0.1: 2, 1.0: 5, 10.0: 9, INFINITE: 10}, share) == pytest.approx(value)


def test_a_quantile_of_nothing() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0, INFINITE: 0}, 0.5) is None
    assert spread({}) is None


def test_quantiles_lie_in_the_bucket_of_the_true_ones() -> None:
    rng = random.Random(7)
    values = sorted(rng.lognormvariate(0, 1) for _unused in range(1000))
    bounds = [0.1 * 2**n for n in range(9)]
    buckets = {bound: float(sum(value <= bound for value in values)) for bound in bounds} | {INFINITE: 1000.0}
    for share in (0.5, 0.9, 0.99):
        true, found = values[int(share * 1000) - 1], quantile(buckets, share)
        upper = min(bound for bound in bounds if bound >= true)
        assert found is not None and upper / 2 <= found <= upper


def test_what_came_between_two_looks() -> None:
    before, after = {1.0: 2.0, INFINITE: 3.0}, {1.0: 5.0, INFINITE: 7.0}
    assert between(before, after) == {1.0: 3.0, INFINITE: 4.0}
    assert between({}, after) == after
    anew = {1.0: 2.0, INFINITE: 3.0}
    assert between(after, anew) == anew  # the server was started anew
    assert added(before, after) == {1.0: 7.0, INFINITE: 10.0}


def test_a_server_is_followed_through_a_restart() -> None:
    times = ServerTimes()
    for text in (
        metrics(50, 50, 50, 50),  # what others asked before does not count
        metrics(50, 52, 52, 52),
        "",  # the server is down
        metrics(0, 0, 2, 2),
        metrics(0, 0, 2, 2),
    ):
        times.see(text)
    found = times.time_to_first_token()
    assert found == {"p50": 1.0, "p90": 8.2, "p99": 9.82, "n_requests": 4, "source": "server"}
    assert times.latency() is None
