# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe catalogue - what is known about recipes, and what holds for a host: the options of the filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import HostGpus, host_gpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._provisions import Provisions
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version, alive


@dataclass(frozen=True)
class Catalogue:
    """The data of recipes.yml."""

    recipes: Mapping[str, Any]
    models: Mapping[str, Any]
    image_tags: Mapping[str, str] = field(default_factory=dict)
    environment_lifetimes: Mapping[str, Any] = field(default_factory=dict)
    argument_lifetimes: Mapping[str, Any] = field(default_factory=dict)
    gpu_families: Mapping[str, Any] = field(default_factory=dict)
    profiles: Mapping[str, Any] = field(default_factory=dict)
    kernel_proofs: Sequence[Mapping[str, Any]] = ()
    kernel_choices: Mapping[str, Any] = field(default_factory=dict)

    @property
    def builds(self) -> set[str]:
        """The builds of vLLM that have options of their own."""
        rows = [row for recipe in self.recipes.values() for row in recipe["ranges"]]
        return {build for row in rows for build in row.get("builds", [])}

    def row(self, recipe: Mapping[str, Any], version: Version) -> Mapping[str, Any] | None:
        """Return a recipe's row for a version; a build with names of its own is served by rows that name it alone."""
        for row in recipe["ranges"]:
            own = version.build not in self.builds or version.build in row.get("builds", [])
            if own and alive(version, row):
                return dict(row)
        return None

    def knows(self, flag: str, version: Version) -> bool:
        """Tell whether a version knows a flag; of flags without a history it is assumed."""
        return alive(version, self.argument_lifetimes.get(flag, {}))


@dataclass(frozen=True)
class Site:
    """What holds for all servers of a host."""

    hf_home: str
    cache_path: str | None = None
    gpus_per_host: int = 8
    allow_open_api: bool = False
    offline: bool = False
    gpus: HostGpus | None = None
    image_versions: Mapping[str, Any] = field(default_factory=dict)
    version_known_later: bool = False
    provisions: Provisions = Provisions()

    @property
    def host(self) -> HostGpus:
        """The host's GPUs; as many as are assumed where nobody has looked."""
        return self.gpus or HostGpus(self.gpus_per_host)


def catalogue_and_site(
    recipes: Mapping[str, Any],
    models: Mapping[str, Any],
    image_tags: Mapping[str, str] | None = None,
    environment_lifetimes: Mapping[str, Any] | None = None,
    argument_lifetimes: Mapping[str, Any] | None = None,
    gpu_families: Mapping[str, Any] | None = None,
    profiles: Mapping[str, Any] | None = None,
    kernel_proofs: Sequence[Mapping[str, Any]] | None = None,
    kernel_choices: Mapping[str, Any] | None = None,
    hf_home: str = "/var/lib/gpt_oss/huggingface",
    cache_path: str | None = None,
    gpus_per_host: int = 8,
    gpu_facts: Mapping[str, Any] | None = None,
    image_versions: Mapping[str, Any] | None = None,
    version_known_later: bool = False,
    allow_open_api: bool = False,
    offline: bool = False,
    provisions: Mapping[str, Any] | None = None,
) -> tuple[Catalogue, Site]:
    """Return what the filters' options amount to."""
    catalogue = Catalogue(
        recipes,
        models,
        image_tags or {},
        environment_lifetimes or {},
        argument_lifetimes or {},
        gpu_families or {},
        profiles or {},
        kernel_proofs or [],
        kernel_choices or {},
    )
    site = Site(
        hf_home,
        cache_path or None,
        int(gpus_per_host),
        bool(allow_open_api),
        bool(offline),
        host_gpus(gpu_facts, catalogue.gpu_families, int(gpus_per_host)),
        image_versions or {},
        bool(version_known_later),
        Provisions(**(provisions or {})),
    )
    return catalogue, site
