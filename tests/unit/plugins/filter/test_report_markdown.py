# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.filter.report_markdown import FilterModule
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fleet import fleet_facts
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question

report_markdown = FilterModule().filters()["report_markdown"]


def test_the_filter_writes_a_report() -> None:
    facts = fleet_facts(Question({"node1": ["a"]}, ["gpqa"], ["low"]), {}, {})
    assert report_markdown(facts).startswith("# gpt-oss fleet report\n")


@pytest.mark.parametrize("value", [None, "text", [], {}, {"fleet": {}}])
def test_other_values_are_refused_with_what_to_do(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="Run gpt_oss.fleet.fleet_scores first"):
        report_markdown(value)
