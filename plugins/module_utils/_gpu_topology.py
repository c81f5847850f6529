# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: GPU topology - the matrix that `nvidia-smi topo -m` prints, as `vllm collect-env` hands it on."""

from __future__ import annotations

import re
from typing import Any

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_DEVICE = re.compile(r"^(?:GPU|NIC|mlx|ibp|roce)[\w.-]*$", re.IGNORECASE)
# After the links there is one column for each of these; the tool puts an extra tab before the last.
_AFTER = {"CPU Affinity": "cpu_affinity", "NUMA Affinity": "numa_affinity", "GPU NUMA ID": "gpu_numa_id"}


def parse_topology(lines: list[str]) -> list[dict[str, Any]]:
    """Return a row for each device: `device`, `links` (device → NV18, SYS, …), CPU and NUMA affinity (None: none).

    Lines that are no matrix, such as "Could not collect" and the legend, give no rows.
    """
    devices: list[str] = []
    names: list[str] = []
    rows = []
    for line in lines:
        fields = _fields(line)
        if not devices:
            devices = [field for field in fields if _DEVICE.match(field)]
            names = [field for field in fields if field in _AFTER]
        elif fields and fields[0] in devices:
            rows.append(_row(fields, devices, names))
        elif rows and not line.strip():
            break
    return rows


def _fields(line: str) -> list[str]:
    plain = _ESCAPE.sub("", line)
    fields = plain.split("\t") if "\t" in plain else re.split(r"\s{2,}", plain.strip())
    return [field.strip() for field in fields]


def _row(fields: list[str], devices: list[str], names: list[str]) -> dict[str, Any]:
    links = dict(zip(devices, fields[1 : 1 + len(devices)]))
    rest = [field for field in fields[1 + len(devices) :] if field]
    after = {_AFTER[name]: value for name, value in zip(names, rest)}
    affinity = {key: None if after.get(key) in (None, "N/A") else after[key] for key in _AFTER.values()}
    return {"device": fields[0], "links": {name: link for name, link in links.items() if link != "X"}, **affinity}
