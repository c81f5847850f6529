# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server state, the few files that a host keeps about each of its servers, in a folder of the server's name.

start.json tells of the last start that was watched to its end, accepted.json holds the descriptions that proved good.
Descriptions can hold secrets in their environment: the files are their owner's alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _private_folder


class StateError(Exception):
    """The folder cannot be used."""


def open_folder(state_path: Optional[str], name: str) -> Path:
    """Return a server's folder, made if need be. Raises StateError."""
    if not state_path:
        raise StateError("no state_path is set")
    folder = Path(state_path) / name
    try:
        _private_folder.close(folder)
    except OSError as exc:
        raise StateError(f"expected to keep the server's state in {folder}, could not: {exc}; set state_path") from exc
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StateError(f"expected to keep the server's state in {folder}, which is not writable; set state_path")
    return folder


def read(state_path: Optional[str], name: str, file: str) -> Any:
    """Return what a file holds; None when there is none, or none that can be read."""
    if not state_path:
        return None
    try:
        return _json_text.loads((Path(state_path) / name / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(folder: Path, file: str, document: Any) -> None:
    """Replace a file at once, readable by its owner alone. Raises StateError."""
    fresh = folder / f".{file}.new"
    try:
        descriptor = _private_folder.open_file(fresh, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, sort_keys=True, separators=(",", ":"))
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(folder / file)
    except OSError as exc:
        raise StateError(f"cannot write {folder / file}: {exc}") from exc


def start_of(state_path: Optional[str], name: str, container: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the start that this inspected container runs from; empty when nothing is."""
    kept = read(state_path, name, "start.json")
    same = isinstance(kept, dict) and (kept.get("container_id"), kept.get("started_at")) == (
        container["Id"],
        container["State"]["StartedAt"],
    )
    return dict(kept) if same else {}
