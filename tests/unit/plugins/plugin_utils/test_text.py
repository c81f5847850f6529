# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import listed, p_value, paragraph, points, shortened


@pytest.mark.parametrize(
    ("share", "text"),
    [(889 / 1584, "56.1"), (0.8625, "86.3"), (0.35, "35.0"), (1.0, "100.0"), (0, "0.0"), (None, "-"), (-0.0001, "0.0")],
)
def test_points_round_halves_up_as_published_tables_do(share: float | None, text: str) -> None:
    assert points(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "+0.0"), (-0.0001, "+0.0"), (-0.08, "-8.0"), (0.003, "+0.3")])
def test_signed_points(share: float, text: str) -> None:
    assert points(share, signed=True) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.5, "p = 0.50"), (0.0123, "p = 0.012"), (2.2e-9, "p = 2e-9"), (1.0, "p = 1.00"), (0.0, "p < 1e-300")],
)
def test_p_values_are_short(p: float, text: str) -> None:
    assert p_value(p) == text


def test_long_names_keep_both_ends() -> None:
    assert shortened("node1", 24) == "node1"
    assert shortened("rack17-node42.cluster.example.com", 16) == "rack17-n~ple.com"
    assert len(shortened("x" * 99, 24)) == 24


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b and c"), (list("abcde"), "a, b, c and 2 more")]
)
def test_names_in_a_sentence(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_a_paragraph_breaks_no_name_at_its_hyphens() -> None:
    assert paragraph("Look at b200-02/gpt-oss-120b", 20) == "Look at\nb200-02/gpt-oss-120b"
