# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu_models, what the PCI device id of an NVIDIA GPU says without any driver: its model and generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

# Source of both tables: the public list pci.ids (https://pci-ids.ucw.cz), version 2026.08.22. The id of H200 was seen
# on a real one too.
NAMES = {
    "1db1": "V100",
    "1db4": "V100",
    "1db5": "V100",
    "1db6": "V100",
    "1eb8": "T4",
    "20b0": "A100",
    "20b1": "A100",
    "20b2": "A100",
    "20b5": "A100",
    "20b7": "A30",
    "20f1": "A100",
    "20f3": "A800",
    "20f5": "A800",
    "2235": "A40",
    "2236": "A10",
    "2237": "A10G",
    "2321": "H100 NVL",
    "2322": "H800",
    "2324": "H800",
    "2329": "H20",
    "232c": "H20",
    "2330": "H100",
    "2331": "H100 PCIe",
    "2335": "H200",
    "2339": "H100",
    "233b": "H200 NVL",
    "2342": "GH200",
    "2348": "GH200",
    "26b5": "L40",
    "26b9": "L40S",
    "27b8": "L4",
    "2901": "B200",
    "2909": "B200",
    "2941": "GB200",
    "29bc": "B100",
    "2bb5": "RTX PRO 6000 Blackwell",
    "3182": "B300",
    "31c2": "GB300",
    "31c3": "GB300",
}

# From this device id on, the display controllers are of this generation, by the code names of their chips.
GENERATIONS = (
    (0x0000, None),
    (0x1D81, "volta"),
    (0x1E02, "turing"),
    (0x2080, "ampere"),
    (0x2182, "turing"),
    (0x2200, "ampere"),
    (0x2302, "hopper"),
    (0x2414, "ampere"),
    (0x2681, "ada"),
    (0x2900, "blackwell"),
    (0x3000, "rubin"),
    (0x3180, "blackwell"),
    (0x3400, None),
)


@dataclass(frozen=True)
class Model:
    """What a device id says: a name such as `B200` and a generation such as `blackwell`; None for what is unknown."""

    name: Optional[str]
    generation: Optional[str]


def model_of(device_id: str) -> Model:
    """Return the model of a GPU by its PCI device id, four hexadecimal digits such as `2901`."""
    try:
        number = int(device_id, 16)
    except ValueError:
        return Model(None, None)
    generation = None
    for first, name in GENERATIONS:
        if number >= first:
            generation = name
    return Model(NAMES.get(device_id.lower()), generation)


def generation_of(architecture: str) -> Optional[str]:
    """Return the generation that nvidia-smi's `product_architecture` names, such as `ada` for `Ada Lovelace`."""
    words = architecture.lower().split()
    return words[0] if words and words[0].isalpha() else None
