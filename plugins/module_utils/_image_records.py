# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image records - what was found out about images, kept on the host by the images' ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _text_files

FILE = "images.json"
_MOST = 50


def read_record(state_path: str, image_id: str) -> dict[str, Any]:
    """Return what is kept of an image: vllm_version, and digests that name it elsewhere; empty when it is unknown."""
    return dict(_read(state_path).get(image_id, {}))


def write_record(state_path: str, image_id: str, record: Mapping[str, Any]) -> None:
    """Keep what was found out; the oldest go when there are many. Raises OSError."""
    kept = {key: value for key, value in _read(state_path).items() if key != image_id}
    rows = [*kept.items(), (image_id, dict(record))][-_MOST:]
    _text_files.put(str(Path(state_path) / FILE), json.dumps(dict(rows), indent=1) + "\n")


def with_digests(record: Mapping[str, Any], digests: Iterable[str]) -> dict[str, Any]:
    """Return a record that knows further digests of its image."""
    return {**record, "digests": sorted({*record.get("digests", ()), *digests})}


def _read(state_path: str) -> dict[str, Any]:
    try:
        found = _json_text.loads((Path(state_path) / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {image_id: record for image_id, record in rows if _is_record(record)}


def _is_record(value: Any) -> bool:
    """Tell whether a value is what is kept of an image: a damaged file may hold anything."""
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("vllm_version", ""), str) and isinstance(value.get("digests", []), list)
