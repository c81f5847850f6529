# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: kernel findings - servers that run other kernels than were asked for, for the verdict on the fleet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_proof import CONTRADICTED, PROVEN
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._extra_findings import ExtraFinding

_VERDICTS = {CONTRADICTED: "bad", PROVEN: "good"}
# What stands before a line's text: (EngineCore pid=6) INFO 11-27 16:59:06 [mxfp4.py:547]
_PREFIX = re.compile(r"(?<=: )(?:\([^)]*\) )?[A-Z]+ (?:[0-9: -]+)?\[[\w.]+:\d+\] ")


def kernel_findings(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], servers: Mapping[str, Sequence[str]]
) -> list[ExtraFinding]:
    """Return a finding for each server whose log proves or contradicts what was asked for.

    `rows` holds by host the fact gpt_oss_kernels, `servers` the names of the servers that are judged.
    """
    return [
        ExtraFinding("kernel", host, row["server"], None, None, _VERDICTS[row["state"]], _reason(row), dict(row))
        for host, names in servers.items()
        for row in rows.get(host, [])
        if row["server"] in names and row["state"] in _VERDICTS
    ]


def _reason(row: Mapping[str, Any]) -> str:
    sentence = _PREFIX.sub("", str(row["sentence"])).rstrip(".")
    return f"{sentence[:1].lower()}{sentence[1:]}"
