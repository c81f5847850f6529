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
    document = _json_text.loads(content)
    if document.get("format") != FORMAT:
        raise BundleError(
            f"wanted a bundle of format {FORMAT} at {parcel.path}, found {document.get('format')}; make it with the "
            "collection's version that is used here"
        )
    return dict(document)


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
