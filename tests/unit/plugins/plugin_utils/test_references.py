# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import (
    ReferenceError,
    as_digests,
    check_references,
    load_references,
)

COMPLETE = {"model": "m", "task": "gpqa", "reasoning_effort": "low", "score": 0.5, "source": "a paper"}


def test_the_published_references_are_complete_and_consistent() -> None:
    rows = load_references()
    check_references(rows)
    judging = [row for row in rows if row["n"]]
    assert len(judging) == 12
    for row in judging:
        assert row["score"] == row["n_correct"] / row["n"]
        assert row["sampler"] == "responses"
        assert row["data_sha256"]
    assert len({(row["id"], row["model"], row["task"], row["reasoning_effort"]) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": []}, r"Reference 2 has the model \[\]: wanted a text\."),
        ({"score": None}, "lacks score"),
        ({"score": 56.1}, "a share, 0 to 1"),
        ({"source": None, "task": None}, "task, source"),
    ],
)
def test_an_unusable_reference_is_refused_by_number(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ReferenceError, match=said) as caught:
        check_references([COMPLETE, COMPLETE | change])
    assert "Reference 2" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "digests"),
    [
        (None, set()),
        ("", set()),
        ("AB", {"ab"}),
        ("a, b", {"a", "b"}),
        (["a", "b"], {"a", "b"}),
        ({"one.csv": "a", "two.csv": ["b"]}, {"a", "b"}),
    ],
)
def test_checksums_come_in_several_shapes(value: Any, digests: set[str]) -> None:
    assert as_digests(value) == digests
