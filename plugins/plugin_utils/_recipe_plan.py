# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe plan - which recipe, version and switches one entry of `vllm_servers` gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import suggestion
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version, alive, version_of_image


@dataclass(frozen=True)
class Catalogue:
    """The data of recipes.yml."""

    recipes: Mapping[str, Any]
    models: Mapping[str, Any]
    image_tags: Mapping[str, str] = field(default_factory=dict)
    environment_lifetimes: Mapping[str, Any] = field(default_factory=dict)
    argument_lifetimes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """What holds for all servers of a host."""

    hf_home: str
    cache_path: str | None = None
    gpus_per_host: int = 8
    allow_open_api: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Plan:
    """One server, its recipe chosen: the options, the recipe's row for the version, and the activation's switches."""

    options: Mapping[str, Any]
    recipe_name: str
    recipe: Mapping[str, Any]
    row: Mapping[str, Any]
    version: Version
    image: str
    moe_activation: str
    tensor_parallel_size: int

    @property
    def switches(self) -> Mapping[str, Any]:
        """Environment and arguments that switch the experts' kernels."""
        return self.row["moe_activation"].get(self.moe_activation) or {}


def catalogue_and_site(
    recipes: Mapping[str, Any],
    models: Mapping[str, Any],
    image_tags: Mapping[str, str] | None = None,
    environment_lifetimes: Mapping[str, Any] | None = None,
    argument_lifetimes: Mapping[str, Any] | None = None,
    hf_home: str = "/var/lib/gpt_oss/huggingface",
    cache_path: str | None = None,
    gpus_per_host: int = 8,
    allow_open_api: bool = False,
    offline: bool = False,
) -> tuple[Catalogue, Site]:
    """Return what the filters' options amount to."""
    catalogue = Catalogue(recipes, models, image_tags or {}, environment_lifetimes or {}, argument_lifetimes or {})
    return catalogue, Site(hf_home, cache_path or None, int(gpus_per_host), bool(allow_open_api), bool(offline))


def choose(
    options: Mapping[str, Any], given: Mapping[str, Any], catalogue: Catalogue, problems: list[str]
) -> Plan | None:
    """Choose recipe, version and row; None when there is none."""
    model = options.get("model", "")
    if model and model not in catalogue.models:
        problems.append(f"unknown model '{model}'{suggestion(model, catalogue.models)}")
    name = _recipe_name(options, given, catalogue)
    recipe = catalogue.recipes.get(name)
    if recipe is None:
        problems.append(f"unknown recipe '{name}'{suggestion(name, catalogue.recipes)}")
        return None
    version, image = _version_and_image(options, recipe, catalogue)
    if version is None:
        problems.append(_no_version(options, image))
        return None
    row = next((row for row in recipe["ranges"] if alive(version, row) and _same_build(version, row, catalogue)), None)
    if row is None:
        problems.append(_no_row(name, version, catalogue))
        return None
    activation = options.get("moe_activation", recipe["moe_activation"])
    if activation not in row["moe_activation"]:
        problems.append(f"moe_activation {activation} cannot be set on vLLM {version.text} with recipe '{name}'")
        return None
    size = options.get("tensor_parallel_size") or catalogue.models.get(model, {}).get("tensor_parallel_size", 1)
    return Plan(options, name, recipe, row, version, image, activation, size)


def _recipe_name(options: Mapping[str, Any], given: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Return the recipe asked for; else the first one that fits the image's version; else the default one."""
    if "recipe" in given or "image" not in options:
        return str(options.get("recipe", "current"))
    version = _told_version(options, catalogue)
    for name, recipe in catalogue.recipes.items():
        if version and any(alive(version, row) and _same_build(version, row, catalogue) for row in recipe["ranges"]):
            return str(name)
    return str(options.get("recipe", "current"))


def _told_version(options: Mapping[str, Any], catalogue: Catalogue) -> Version | None:
    if "vllm_version" in options:
        return Version.parse(options["vllm_version"])
    return version_of_image(options["image"], catalogue.image_tags) if "image" in options else None


def _version_and_image(
    options: Mapping[str, Any], recipe: Mapping[str, Any], catalogue: Catalogue
) -> tuple[Version | None, str]:
    text = str(options.get("vllm_version", recipe["vllm_version"]))
    image = options.get("image") or str(recipe["image"]).replace("{vllm_version}", text.removeprefix("v"))
    version = _told_version({**options, "image": image}, catalogue)
    return version, image


def _no_version(options: Mapping[str, Any], image: str) -> str:
    if "vllm_version" in options:
        return f"vllm_version must be a version such as 0.33.0; found {options['vllm_version']!r}"
    return f"the version of vLLM in image {image} cannot be told from its tag; set vllm_version, such as 0.33.0"


def _same_build(version: Version, row: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """A build with names of its own is served by rows that name it, and by no other."""
    known = {
        build for recipe in catalogue.recipes.values() for row in recipe["ranges"] for build in row.get("builds", [])
    }
    return version.build not in known or version.build in row.get("builds", [])


def _no_row(name: str, version: Version, catalogue: Catalogue) -> str:
    fitting = [
        other
        for other, recipe in catalogue.recipes.items()
        if any(alive(version, row) and _same_build(version, row, catalogue) for row in recipe["ranges"])
    ]
    remedy = f"use recipe {' or '.join(fitting)}" if fitting else "use an image that a recipe is known for"
    return f"recipe '{name}' is not made for vLLM {version.text}; {remedy}"
