# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import yaml
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import summarize
from ansible_collections.gpt_oss.fleet.plugins.modules import eval as documented
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._entries import _FROM_ROW

# How the numbers are kept, not numbers themselves.
_INNER = {"outcomes", "questions", "complete", "errors"}
# Of the run as a whole, added by the job.
_OF_THE_RUN = {"concurrency", "gpu_load"}


def test_each_number_of_a_score_row_is_documented_and_reaches_the_fleets_facts() -> None:
    numbers = (set(summarize({}, [0], 1)) - _INNER) | _OF_THE_RUN
    told = yaml.safe_load(documented.RETURN)["scores"]["contains"]
    assert set(told) == numbers
    assert numbers <= set(_FROM_ROW)
