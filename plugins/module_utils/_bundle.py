# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: bundle - what a bundle for hosts without internet holds, and how it is laid out.

SHA256SUMS                                            of all files below
bundle.json                                           the document that `document` makes
models/<org>--<name>/snapshots/<commit>/...           as in a cache of the Hub, but plain files
vocabulary/  data/  wheels/  images/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel, ParcelError, sums_of

NAME = "bundle.json"
FORMAT = 1
PARTS = ("models", "vocabulary", "data", "wheels", "images")


class BundleError(Exception):
    """The bundle cannot be made or used. The text says what was wanted, what was found, and what to do."""


def need_texts(what: str, entry: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise BundleError unless the entry has a text under each of the names."""
    if not all(isinstance(entry.get(name), str) and entry[name] for name in names):
        raise BundleError(f"wanted {', '.join(names)} in each entry of {what}, found {str(entry)[:200]}; correct it")


def model_place(repo_id: str, commit: str) -> str:
    """Return where a model lies in a bundle. hf_model reads the commit from it."""
    return f"models/{repo_id.replace('/', '--')}/snapshots/{commit}"


def render(document: Mapping[str, Any]) -> str:
    """Return the text of a bundle's document."""
    return json.dumps({"format": FORMAT, **document}, indent=1, sort_keys=True) + "\n"


def read(parcel: Parcel) -> dict[str, Any]:
    """Return the document of a bundle, once it is as its checksum says. Raises BundleError, ParcelError, SumsError."""
    names, sums = parcel.names(), sums_of(parcel)
    absent = [name for name in (_sums.NAME, NAME) if name not in names]
    if absent:
        raise ParcelError(
            f"wanted a bundle at {parcel.path}, found no {absent[0]} in it; the playbook gpt_oss.fleet.bundle makes one"
        )
    with parcel.open(NAME) as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != sums.get(NAME):
        raise BundleError(f"wanted {NAME} of {parcel.path} as {_sums.NAME} says, found it damaged; copy it there again")
    try:
        document = _json_text.loads(content)
    except ValueError as exc:
        raise BundleError(f"wanted JSON in {NAME} of {parcel.path}, but {exc}; make the bundle again") from exc
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise BundleError(
            f"wanted a bundle of format {FORMAT} at {parcel.path}, found {found}; make it with the collection's "
            "version that is used here"
        )
    _check(document, f"{NAME} of {parcel.path}")
    return dict(document)


def _check(document: Mapping[str, Any], where: str) -> None:
    """Raise BundleError unless the parts that are looked up in a document are what `render` makes them."""
    models = document.get("models", [])
    if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise BundleError(f"wanted a list of models in {where}, found {str(models)[:200]}; make the bundle again")
    for model in models:
        need_texts(f"models in {where}", model, ("repo_id", "revision", "commit", "path"))


def model_of(document: Mapping[str, Any], repo_id: str, revision: Optional[str], where: str) -> dict[str, Any]:
    """Return the bundle's model for a wish. Without a revision, the only one of that name will do.

    Raises BundleError.
    """
    models: Sequence[Mapping[str, Any]] = document.get("models", [])
    same = [model for model in models if model["repo_id"] == repo_id]
    right = [model for model in same if revision in (None, model["revision"], model["commit"])]
    if len({model["commit"] for model in right}) == 1:
        return dict(right[0])
    told = (
        ", ".join(f"{model['repo_id']} at {model['revision']} ({model['commit'][:12]})" for model in models) or "none"
    )
    at = f" at {revision}" if revision else ""
    remedy = "say by its revision which one" if right else "correct hf_cache_models, or make the bundle again with it"
    raise BundleError(f"wanted the model {repo_id}{at} in the bundle {where}, found {told}; {remedy}")
