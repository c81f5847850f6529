# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host services, whether units of systemd exist, run, and start at boot."""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def services(reader: Reader, units: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return {unit: {exists, active, enabled}}; where systemd is not PID 1 the latter two are "unknown"."""
    if not units:
        return {}
    shown = reader.output("systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", "--", *units)
    found = parse_show(shown or "", units)
    # What `show` says of the next boot is as old as the last reload; roles enable units without one.
    listed = reader.output("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--", *units) if found else ""
    for unit, state in parse_unit_files(listed or "").items():
        if unit in found:
            found[unit]["enabled"] = state
    for unit in units:
        if unit not in found:
            exists = any(reader.exists(f"{folder}/{unit}") for folder in _FOLDERS)
            found[unit] = {"exists": exists, "active": "unknown", "enabled": "unknown"}
    return found


def parse_unit_files(text: str) -> dict[str, str]:
    """Return {unit: enabled, disabled, static...} from the output of systemctl list-unit-files."""
    lines = [line.split() for line in text.splitlines()]
    return {fields[0]: fields[1] for fields in lines if len(fields) >= 2}


def parse_show(text: str, units: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the units from the output of systemctl show: a block for each, in the order asked, blank lines between."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    if len(blocks) != len(units) or not all("LoadState" in block for block in blocks):
        return {}
    return {
        unit: {
            "exists": block["LoadState"] not in ("not-found", ""),
            "active": block.get("ActiveState", "unknown"),
            "enabled": block.get("UnitFileState", "") or "unknown",
        }
        for unit, block in zip(units, blocks)
    }
