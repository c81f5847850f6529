# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model rows - the models of a host as a plan names them, and from whom each is fetched.

A model's name is REPO_ID@REVISION, with the commit in place of a branch where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_COMMIT_LENGTH = 40


def name_of(model: Mapping[str, Any], branches: Mapping[str, str]) -> str:
    """Return a model's name; `branches` tells commits by the names that they have without."""
    name = f"{model['repo_id']}@{model.get('revision') or 'main'}"
    return f"{model['repo_id']}@{branches[name]}" if name in branches else name


def model_rows(
    models: Sequence[Mapping[str, Any]],
    branches: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each model, with its name; with `only` those of these names."""
    rows = [{"name": name_of(model, branches or {}), "model": dict(model)} for model in models]
    return [row for row in rows if only is None or row["name"] in only]


def fetch_rows(
    models: Sequence[Mapping[str, Any]],
    branches: Mapping[str, str],
    fetches: Sequence[Mapping[str, Any]],
    shares: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return a row for each model to fetch, with its `peers`, which are empty where nobody shares it.

    `settings` are this host's own for sharing in turn: what hf_model's option peers takes beside the addresses.
    """
    parts = {fetch["name"]: fetch for fetch in fetches}
    rows = []
    for row in model_rows(models, branches, list(parts)):
        fetch = parts[row["name"]]
        peers = peers_of(fetch, shares)
        port = int(settings.get("port", 0))
        own = {**settings, "port": port + fetch["number"] if port else 0}
        rows.append({**row, "peers": {**own, **peers} if peers else {}})
    return rows


def peers_of(fetch: Mapping[str, Any], shares: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return who shares a model, as hf_model takes it; empty when nobody does.

    `shares` are results of hf_model_share, each with the part of the plan that it was (`item`). Those who fetch know
    each other only where their ports are known beforehand.
    """
    by_host = {s["item"]["host"]: s["share"] for s in shares if s.get("share") and s["item"]["name"] == fetch["name"]}
    known = [(source["address"], by_host[source["host"]]) for source in fetch["sources"] if source["host"] in by_host]
    if not known:
        return {}
    share = known[0][1]
    addresses = [f"{address}:{one['port']}" for address, one in known if one["info_hash"] == share["info_hash"]]
    for other in fetch["others"]:
        port = int(other["settings"]["port"])
        if port:
            addresses.append(f"{other['address']}:{port + fetch['number']}")
    about = ("commit", "info_hash", "manifest_sha256", "size", "files")
    return {**{name: share[name] for name in about}, "addresses": addresses}


def held_names(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of those rows whose model is here, verified, and at the commit of its name."""
    return [str(result["item"]["name"]) for result in results if _is_held(result)]


def _is_held(result: Mapping[str, Any]) -> bool:
    revision = str(result["item"]["name"]).rpartition("@")[2]
    right = len(revision) != _COMMIT_LENGTH or result.get("commit") == revision
    return bool(result.get("verified")) and right
