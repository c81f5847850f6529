# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded, survived
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({}, "an entry without 'x'"),
        ("s3cret", "a value of another type"),
        ({"x": "s3cret"}, "a text where another kind of value belongs"),
        ({"x": None}, "nothing where another kind of value belongs"),
        ({"x": {"y": []}}, "a list that is too short"),
    ],
)
def test_a_filter_tells_what_it_found_and_no_value(value: Any, found: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        guarded("some", lambda given: given["x"].get("y")[0])(value)
    assert "gpt_oss.fleet.some: wanted values as" in str(caught.value) and f"found {found};" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_number_beyond_all_measure_is_told_as_a_value() -> None:
    with pytest.raises(AnsibleFilterError, match="found a value of another type"):
        guarded("some", points)(math.inf)


def test_a_filters_own_error_passes() -> None:
    def fails() -> None:
        raise AnsibleFilterError("too bad")

    with pytest.raises(AnsibleFilterError, match="^too bad"):
        guarded("some", fails)()


def _report(hosts: Mapping[str, Any]) -> dict[str, int]:
    return {name: 0 if isinstance(own, str) else own["n"] + 1 for name, own in hosts.items()}


def test_a_report_survives_hosts_whose_facts_are_of_no_use() -> None:
    told: dict[str, str] = {}

    def broken(name: str, problem: str) -> str:
        told[name] = problem
        return problem

    hosts = {"a": {"n": 1}, "b": None, "c": {"n": 2}, "d": {}}
    assert survived(_report, hosts, broken) == {"a": 2, "b": 0, "c": 3, "d": 0}
    assert list(told) == ["b", "d"] and "an entry without 'n'" in told["d"]
