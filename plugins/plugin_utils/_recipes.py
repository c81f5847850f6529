# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipes - turns entries of `vllm_servers` into descriptions of containers, or says why they cannot be.

Nothing here knows a version, variable or flag of vLLM: they come from data (roles/vllm/vars/main/recipes.yml).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _provisions
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _recipe_checks as checks
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._overlaps import overlaps
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._placement import Placement, Request, place
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import kind_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Plan, choose, image_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_description import describe
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import read_options

# The ways to pull, the one that asks most first.
_PULLS = ("always", "missing", "never")
Entries = Sequence[Mapping[str, Any]]
# Options in which an entry adds to the defaults; in all others it replaces them.
_MERGED = ("environment", "labels", "ulimits", "stage_timeouts")


class RecipeError(Exception):
    """Some entries cannot be turned into servers. `problems` holds them all, a line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class _Entry:
    """One entry: as it was given (with the defaults), as it was read, its plan, and what is wrong with it."""

    given: Mapping[str, Any]
    options: Mapping[str, Any]
    plan: Plan | None
    problems: list[str] = field(default_factory=list)


def resolve(
    servers: Entries, catalogue: Catalogue, site: Site, defaults: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return one description for each server: the parameters of vllm_container, `recipe`, `kernel_proof`, `metadata`.

    An entry with replicas gives several. Raises RecipeError with all problems of all entries.
    """
    entries, placements, problems = _look(servers, catalogue, site, defaults or {})
    if problems:
        raise RecipeError(problems)
    plans = [(entries[one.entry].plan, one) for one in placements]
    return [describe(plan, placement, catalogue, site) for plan, placement in plans if plan is not None]


def expand(
    servers: Entries, catalogue: Catalogue, site: Site, defaults: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return one entry for each server: the entry with the defaults, and the server's own name, port and GPUs.

    Does not fail: an entry that cannot be planned gives what can be told of it.
    """
    if not _is_list(servers):
        return []
    entries, placements, _unused = _look(servers, catalogue, site, defaults or {})
    rows = []
    for one in placements:
        given = {key: value for key, value in entries[one.entry].given.items() if key != "replicas"}
        rows.append({**given, "name": one.name, "port": one.port, "gpus": one.gpus})
    return rows


def images(servers: Entries, catalogue: Catalogue, defaults: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the images that the entries run, each once: `image`, and of their ways to `pull` the one that asks most.

    No version needs to be known for that.
    """
    found: dict[str, str] = {}
    for given in servers if _is_list(servers) else []:
        if isinstance(given, Mapping):
            options = read_options(_merged(defaults or {}, given), [])
            recipe = catalogue.recipes.get(options.get("recipe", "current"), {})
            if options.get("image") or recipe:
                image = image_of(options, recipe)
                ways = (options.get("pull", "missing"), found.get(image, _PULLS[-1]))
                found[image] = min(ways, key=_PULLS.index)
    return [{"image": image, "pull": pull} for image, pull in found.items()]


def _look(
    servers: Entries, catalogue: Catalogue, site: Site, defaults: Mapping[str, Any]
) -> tuple[list[_Entry], list[Placement], list[str]]:
    if not _is_list(servers):
        raise RecipeError([f"vllm_servers must be a list of servers; found {kind_of(servers)}"])
    entries = [_read(given, catalogue, site, defaults) for given in servers]
    requests = [
        Request(index, _placeable(entry), entry.plan.gpus_each if entry.plan else 1)
        for index, entry in enumerate(entries)
        if entry.given
    ]
    placements, misplaced = place(requests, site.host)
    problems = []
    for index, entry in enumerate(entries):
        title = entry.given.get("name") or f"number {index + 1}"
        problems += [f"server {title}: {problem}" for problem in [*entry.problems, *misplaced.get(index, [])]]
    addresses = {index: str(entry.options.get("bind_address", "127.0.0.1")) for index, entry in enumerate(entries)}
    return entries, placements, [*problems, *overlaps(placements, addresses, site.host)]


def _is_list(servers: Any) -> bool:
    return isinstance(servers, Sequence) and not isinstance(servers, str)


def _placeable(entry: _Entry) -> dict[str, Any]:
    """Return the options for placing a server. What could not be read is said once, and clashes with nothing."""
    unread = {"port": 0, "gpus": "none"}
    return {**{key: value for key, value in unread.items() if key in entry.given}, **entry.options}


def _read(given: Any, catalogue: Catalogue, site: Site, defaults: Mapping[str, Any]) -> _Entry:
    if not isinstance(given, Mapping):
        return _Entry({}, {}, None, [f"an entry must be a dictionary; found {given!r}"])
    problems: list[str] = []
    merged = _merged(defaults, given)
    options = read_options(merged, problems)
    plan = choose(options, given, catalogue, site, problems)
    problems.extend(checks.exposure_problems(options, site))
    problems.extend(_provisions.problems(options))
    if plan is not None:
        problems.extend(checks.plan_problems(plan, catalogue, site))
    return _Entry(merged, options, plan, problems)


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    options = {**defaults, **given}
    for key in _MERGED:
        if isinstance(defaults.get(key), Mapping) and isinstance(given.get(key), Mapping):
            options[key] = {**defaults[key], **given[key]}
    return options
