# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cuda_graphs import small_graphs

SIZES = ["--cudagraph-capture-sizes", "1", "64", "128"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], None),
        (["--max-num-seqs", "512"], None),
        # As many as requests at once: one more begins, and the step is too large.
        ([*SIZES, "--max-num-seqs", "128"], ("128 tokens", "--cudagraph-capture-sizes", "128 requests", "up to 256")),
        ([*SIZES, "--max-num-seqs", "64"], None),
        (["--max-num-seqs=64", "--cudagraph-capture-sizes", "128", "8", "--dtype", "512"], None),
        # What vLLM takes at once unless told otherwise.
        (SIZES, ("128 tokens", "256 requests", "up to 512")),
        (["--max-cudagraph-capture-size", "512"], None),
        (["--max-cudagraph-capture-size=256"], ("256 tokens", "--max-cudagraph-capture-size", "up to 512")),
        (["--cuda-graph-sizes", "128"], ("128 tokens", "--cuda-graph-sizes")),
        # The list decides.
        ([*SIZES, "256", "512", "--max-cudagraph-capture-size", "512"], None),
        # No graphs are wanted.
        ([*SIZES, "--enforce-eager"], None),
        (["--max-cudagraph-capture-size", "0"], None),
        (["--cudagraph-capture-sizes"], None),
        (["--cudagraph-capture-sizes", "many"], None),
    ],
)
def test_graphs_that_are_too_small_are_told(arguments: list[str], told: tuple[str, ...] | None) -> None:
    found = small_graphs(arguments)
    assert (found is None) == (told is None), found
    for text in told or ():
        assert text in str(found)
