# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host toolkit, the NVIDIA Container Toolkit and the CDI devices that it offers."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")
_DEVICE = re.compile(r"^[\w.-]+/[\w.-]+=\S+$")


def toolkit(reader: Reader) -> dict[str, Any]:
    """Return {version, cdi_devices, cdi_specs}; the version is None where there is no toolkit."""
    said = reader.output("nvidia-ctk", "--version")
    version = re.search(r"version\s+v?(\d[\w.~-]*)", said or "")
    listed = reader.output("nvidia-ctk", "cdi", "list") if said is not None else None
    specs = [name for folder in CDI_FOLDERS for name in reader.names(folder)]
    return {
        "version": version.group(1) if version else None,
        "cdi_devices": [line.strip() for line in (listed or "").splitlines() if _DEVICE.match(line.strip())],
        "cdi_specs": [name for name in specs if name.endswith((".yaml", ".yml", ".json"))],
    }
