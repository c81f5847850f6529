# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host gpus - the GPUs of a host as far as recipes depend on them: how many, which ones, how much memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One GPU: what its servers may call it, its family in recipes.yml (None: no known one), its memory in MiB."""

    names: tuple[str, ...]
    product: str
    family: str | None = None
    memory_mib: int | None = None


@dataclass(frozen=True)
class HostGpus:
    """The GPUs of a host. `known` is False where nobody has looked, or nothing was found: then only a count is assumed.

    A host without GPUs counts as unknown: that GPUs are missing is told by the role preflight, with causes.
    """

    count: int
    known: bool = False
    gpus: tuple[Gpu, ...] = ()

    def named(self, names: str) -> list[Gpu]:
        """Return the GPUs of `all`, `none`, or a list such as `0,1`; those that are not known are left out."""
        if names == "all":
            return list(self.gpus)
        wanted = names.split(",")
        return [gpu for gpu in self.gpus if any(name in wanted for name in gpu.names)]

    def family(self, names: str) -> str | None:
        """Return the family of the GPUs of a server; None when it is not known or they are not all of one."""
        families = {gpu.family for gpu in self.named(names)}
        return families.pop() if len(families) == 1 else None

    def product(self, names: str) -> str:
        """Return what the GPUs of a server are called; empty when nobody knows."""
        return next((gpu.product for gpu in self.named(names)), "")


def host_gpus(facts: Mapping[str, Any] | None, families: Mapping[str, Any], fallback: int) -> HostGpus:
    """Read the fact `gpt_oss_gpu`, which is the return value `gpu` of module gpu_info.

    `families` are `vllm_gpu_families`; `fallback` is the number of GPUs where the fact tells none.
    """
    facts = facts or {}
    devices: Sequence[Mapping[str, Any]] = facts.get("devices") or []
    on_the_bus: Sequence[Mapping[str, Any]] = facts.get("pci") or []
    rows = devices or on_the_bus
    if not rows:
        return HostGpus(fallback)
    gpus = tuple(_gpu(index, row, families) for index, row in enumerate(rows))
    return HostGpus(len(gpus), True, gpus)


def _gpu(index: int, row: Mapping[str, Any], families: Mapping[str, Any]) -> Gpu:
    number = row.get("index")
    names = [str(index if number is None else number), *([str(row["uuid"])] if row.get("uuid") else [])]
    product = str(row.get("name") or "")
    return Gpu(tuple(names), product, _family(product, families), row.get("memory_total_mib"))


def _family(product: str, families: Mapping[str, Any]) -> str | None:
    """Return the family of `NVIDIA B200` or `H100 NVL`: the one that has a word of the name among its GPUs."""
    words = set(re.split(r"[\s-]+", product))
    return next((str(name) for name, family in families.items() if words & set(family["gpus"])), None)
