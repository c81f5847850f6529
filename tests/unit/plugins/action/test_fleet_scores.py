# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.action import eval_look, fleet_scores
from ansible_collections.gpt_oss.fleet.plugins.doc_fragments.judging import ModuleDocFragment
from ansible_collections.gpt_oss.fleet.plugins.modules import eval_look as documented_look
from ansible_collections.gpt_oss.fleet.plugins.modules import fleet_scores as documented_scores


@pytest.mark.parametrize(
    ("documentation", "spec"),
    [
        (documented_scores.DOCUMENTATION, fleet_scores.ARGUMENT_SPEC),
        (documented_look.DOCUMENTATION, eval_look.ARGUMENT_SPEC),
    ],
    ids=["fleet_scores", "eval_look"],
)
def test_the_documentation_says_what_the_plugin_takes(documentation: str, spec: dict[str, Any]) -> None:
    documented = {
        **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
        **yaml.safe_load(documentation)["options"],
    }
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == spec
