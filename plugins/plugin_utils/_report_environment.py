# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report environment, in what the hosts' environments differ, as tables of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_report import difference_rows, sentence
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import Table


def environment_sections(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return `sentence`, the table `differences` and the table `not_collected`; None where nothing was compared."""
    if found is None:
        return None
    missing = [(row["host"], row["server"], row["problem"]) for row in found["not_collected"]]
    return {
        "sentence": sentence(found),
        "differences": Table(
            ("What", "Usual", "Hosts with it", "Odd value", "Odd hosts"), difference_rows(found), ("Hosts with it",)
        ),
        "not_collected": Table(("Host", "Server", "Problem"), missing),
    }
