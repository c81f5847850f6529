# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._support_index import index_page


@pytest.mark.parametrize(("names", "said"), [(["a"], "from 1 host."), (["a", "b"], "from 2 hosts.")])
def test_the_page_counts_its_hosts(names: list[str], said: str) -> None:
    assert said in index_page([{"host": name, "problem": "away"} for name in names], "2026-11-28 02:07 UTC")
