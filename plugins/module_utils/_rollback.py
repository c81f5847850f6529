# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rollback - keeps the description of a server that proved good, and goes back to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _accepted, _server_state, _situation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import LABEL_SHA256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine
from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import wanted_body


def effective(engine: Engine, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], Optional[dict[str, Any]]]:
    """Return the parameters to work with, and for a rollback what it goes back to.

    It goes back to the newest accepted description that is not the wanted one: asked for again, it finds the same.
    Raises ContainerError when there is none.
    """
    if not parameters["rollback"] or parameters["state"] not in _situation.SERVING:
        return dict(parameters), None
    name = parameters["name"]
    entries = _entries(parameters)
    entry = _accepted.before(entries, _wanted(engine, parameters))
    if entry is None:
        raise ContainerError(
            f"{name}: expected an accepted description to go back to in {parameters['state_path']}/{name}, found "
            f"{'only the wanted one' if entries else 'none'}; nothing was changed. A description is accepted by a "
            "deployment that passed its smoke test"
        )
    if engine.image(entry["image_id"]) is None:
        raise ContainerError(
            f"{name}: the description of {entry['accepted']} was served from the image {entry['image_id']} "
            f"({entry['parameters']['image']}), which is not on this host any more; nothing was changed. Bring it back "
            "(docker pull, or role variable vllm_image_source), or deploy that image by name"
        )
    tagged = engine.image(entry["parameters"]["image"])
    restored = _accepted.restored(parameters, entry, tagged["Id"] if tagged else None)
    return restored, {name: entry[name] for name in ("sha256", "image_id", "accepted")}


def accept(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> bool:
    """Keep the description under which the server runs as one that proved good; return whether that is new.

    Raises ContainerError when it does not run as described.
    """
    name = parameters["name"]
    container = engine.inspect(name)
    found = _situation.serving({**parameters, "state": "started"}, container, engine.image(parameters["image"]))
    if found.container is None or found.status != "running" or found.drift:
        problem = f"it differs in {', '.join(found.drift)}" if found.drift else f"it is {found.status or 'absent'}"
        raise ContainerError(
            f"{name}: expected it to run as described, so that this can be accepted, but {problem}; deploy it first"
        )
    sha256 = found.body["Labels"][LABEL_SHA256]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = _accepted.entry_of(parameters, sha256, found.container["Image"], now)
    entries = _entries(parameters)
    kept = _accepted.accept(entries, entry)
    return _keep(parameters, entries, kept, check_mode)


def reject(engine: Engine, parameters: Mapping[str, Any], check_mode: bool) -> bool:
    """Forget that the description proved good, if it is kept as such; return whether it was.

    Raises ContainerError when what is kept cannot be written.
    """
    entries = _entries(parameters)
    return _keep(parameters, entries, _accepted.reject(entries, _wanted(engine, parameters)), check_mode)


def _wanted(engine: Engine, parameters: Mapping[str, Any]) -> str:
    """Return the digest of the description that the parameters give."""
    image = engine.image(parameters["image"])
    return str(wanted_body(parameters, image, parameters["restart_policy"])["Labels"][LABEL_SHA256])


def _keep(
    parameters: Mapping[str, Any], entries: list[_accepted.Entry], kept: list[_accepted.Entry], check_mode: bool
) -> bool:
    if kept == entries:
        return False
    if not check_mode:
        name = parameters["name"]
        try:
            _server_state.write(_server_state.open_folder(parameters["state_path"], name), _accepted.FILE, kept)
        except _server_state.StateError as exc:
            raise ContainerError(f"{name}: {exc}") from exc
    return True


def _entries(parameters: Mapping[str, Any]) -> list[_accepted.Entry]:
    return _accepted.entries_of(_server_state.read(parameters["state_path"], parameters["name"], _accepted.FILE))
