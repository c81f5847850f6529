# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe plan - which recipe, version and switches one entry of `vllm_servers` gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._profiles import (
    DEFAULT_PROFILE,
    profile_problems,
    profile_row,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_versions import Told, told_version
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import suggestion
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version


@dataclass(frozen=True)
class Plan:
    """One entry, its recipe chosen: its options with the profile's, and the recipe's row for the version."""

    options: Mapping[str, Any]
    recipe_name: str
    recipe: Mapping[str, Any]
    row: Mapping[str, Any]
    version: Version
    image: str
    moe_activation: str
    tensor_parallel_size: int
    profile: str = DEFAULT_PROFILE
    profile_arguments: Sequence[Sequence[str]] = ()

    @property
    def switches(self) -> Mapping[str, Any]:
        """Environment and arguments that switch the experts' kernels."""
        return self.row["moe_activation"].get(self.moe_activation) or {}

    @property
    def gpus_each(self) -> int:
        """How many GPUs one server of the entry needs."""
        return self.tensor_parallel_size * int(self.options.get("data_parallel_size") or 1)


def choose(
    options: Mapping[str, Any], given: Mapping[str, Any], catalogue: Catalogue, site: Site, problems: list[str]
) -> Plan | None:
    """Choose recipe, version, row and profile; None when there is none."""
    model = options.get("model", "")
    if model and model not in catalogue.models:
        known = suggestion(model, catalogue.models)
        problems.append(f"unknown model '{model}'{known} (vllm_extra_models takes others)")
    name = _recipe_name(options, given, catalogue, site)
    recipe = catalogue.recipes.get(name)
    if recipe is None:
        problems.append(f"unknown recipe '{name}'{suggestion(name, catalogue.recipes)}")
        return None
    profile = options.get("profile", DEFAULT_PROFILE)
    problems.extend(profile_problems(profile, catalogue.profiles, name, recipe))
    image = image_of(options, recipe)
    told = _told(options, image, catalogue, site)
    if told.problem and not (told.pending and site.version_known_later):
        problems.append(told.problem)
    if told.version is None:
        return None
    row = catalogue.row(recipe, told.version)
    if row is None:
        problems.append(_no_row(name, told.version, catalogue))
        return None
    activation = options.get("moe_activation", recipe["moe_activation"])
    if activation not in row["moe_activation"]:
        problems.append(f"moe_activation {activation} cannot be set on vLLM {told.version.text} with recipe '{name}'")
        return None
    settings = profile_row(catalogue.profiles.get(profile) or [], model, family_of(options, site))
    whole = {**(settings.get("options") or {}), **options}
    return Plan(
        whole,
        name,
        recipe,
        row,
        told.version,
        image,
        activation,
        options.get("tensor_parallel_size") or _default_size(whole, catalogue.models.get(model, {}), site),
        profile,
        settings.get("arguments") or [],
    )


def image_of(options: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Return the image that an entry runs: its own, for which the recipe may be unknown, or the recipe's."""
    if options.get("image"):
        return str(options["image"])
    text = str(options.get("vllm_version", recipe["vllm_version"]))
    return str(recipe["image"]).replace("{vllm_version}", text.removeprefix("v"))


def family_of(options: Mapping[str, Any], site: Site) -> str | None:
    """Return the family of the GPUs that an entry asks for; of all of them where it leaves the choice."""
    gpus = options.get("gpus", "all")
    return None if gpus == "none" else site.host.family("all" if gpus == "auto" else gpus)


def _default_size(options: Mapping[str, Any], model: Mapping[str, Any], site: Site) -> int:
    """Return the tensor parallel size of profile or model, as far as the GPUs that were seen suffice for it."""
    wanted = int(options.get("tensor_parallel_size") or model.get("tensor_parallel_size", 1))
    gpus, replicas = options.get("gpus", "all"), options.get("replicas")
    if not site.host.known or gpus == "none":
        return wanted
    there = site.host.count if gpus in ("all", "auto") else len(gpus.split(","))
    each = int(options.get("data_parallel_size") or 1) * (replicas if isinstance(replicas, int) else 1)
    heads = int(model.get("attention_heads") or wanted)
    fitting = [size for size in range(1, min(wanted, there // each) + 1) if heads % size == 0]
    return max(fitting, default=wanted)


def _recipe_name(options: Mapping[str, Any], given: Mapping[str, Any], catalogue: Catalogue, site: Site) -> str:
    """Return the recipe asked for; else the first one that fits the image's version; else the default one."""
    if "recipe" in given or "image" not in options:
        return str(options.get("recipe", "current"))
    version = _told(options, options["image"], catalogue, site).version
    fitting = [name for name, recipe in catalogue.recipes.items() if version and catalogue.row(recipe, version)]
    return str(fitting[0] if fitting else options.get("recipe", "current"))


def _told(options: Mapping[str, Any], image: str, catalogue: Catalogue, site: Site) -> Told:
    return told_version(options, image, catalogue.image_tags, site.image_versions, catalogue.builds)


def _no_row(name: str, version: Version, catalogue: Catalogue) -> str:
    fitting = [other for other, recipe in catalogue.recipes.items() if catalogue.row(recipe, version)]
    remedy = f"use recipe {' or '.join(fitting)}" if fitting else "use an image that a recipe is known for"
    return f"recipe '{name}' is not made for vLLM {version.text}; {remedy}"
