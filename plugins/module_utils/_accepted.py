# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: accepted - the descriptions under which a server proved good, newest first, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

FILE = "accepted.json"
_KEPT = 5
# Of a container's description; what else the module is told belongs to the call.
_DESCRIBING = (
    "image", "model", "served_model_name", "arguments", "entrypoint", "environment", "volumes", "port",
    "container_port", "bind_address", "network_mode", "gpus", "gpu_access", "devices", "ipc_mode", "shm_size",
    "ulimits", "labels", "api_key_file", "kernel_proof", "python_path", "user",
    "drop_capabilities", "add_capabilities", "security_options", "read_only", "tmpfs", "pids_limit",
)  # fmt: skip

Entry = Mapping[str, Any]


def entries_of(document: Any) -> list[Entry]:
    """Return the entries that a file's document holds; what is none, as in a damaged file, does not count."""
    return [entry for entry in document if _is_entry(entry)] if isinstance(document, list) else []


def _is_entry(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    kinds = {"sha256": str, "image_id": str, "accepted": str, "parameters": dict}
    return all(isinstance(value.get(name), kind) for name, kind in kinds.items())


def entry_of(parameters: Mapping[str, Any], sha256: str, image_id: str, now: str) -> dict[str, Any]:
    """Return what is kept of a description: the module's own options, and the image by its id, as tags move.

    `proofs` names what it passed.
    """
    described = {option: parameters[option] for option in _DESCRIBING}
    proofs = sorted(set(parameters["proofs"] or ()))
    return {"sha256": sha256, "image_id": image_id, "accepted": now, "proofs": proofs, "parameters": described}


def accept(entries: Sequence[Entry], entry: Entry) -> list[Entry]:
    """Return the entries with this one first. One that is first already keeps its time, and what it passed before."""
    first: Entry = {"proofs": [], **entries[0]} if entries else {}
    if first and (first["sha256"], first["image_id"]) == (entry["sha256"], entry["image_id"]):
        entry = {**entry, "proofs": sorted({*first["proofs"], *entry["proofs"]})}
    if _compared(first) == _compared(entry):
        return list(entries)
    return [entry, *reject(entries, entry["sha256"])][:_KEPT]


def _compared(entry: Entry) -> dict[str, Any]:
    """Return what makes an entry another one: neither its time, nor how its version was told.

    Who only looks knows the version by the image's tag, who deploys has read it in the image, whose id is compared.
    """
    parameters = dict(entry.get("parameters") or {})
    if parameters.get("kernel_proof"):
        parameters["kernel_proof"] = {**parameters["kernel_proof"], "vllm_version": ""}
    return {**entry, "accepted": "", "parameters": parameters}


def reject(entries: Sequence[Entry], sha256: str) -> list[Entry]:
    """Return the entries without the description with this digest."""
    return [entry for entry in entries if entry["sha256"] != sha256]


def before(entries: Sequence[Entry], sha256: str) -> Optional[Entry]:
    """Return the newest entry of another description than the one with this digest."""
    return next((entry for entry in entries if entry["sha256"] != sha256), None)


def restored(parameters: Mapping[str, Any], entry: Entry, tag_image_id: Optional[str]) -> dict[str, Any]:
    """Return the parameters with the entry's description; `tag_image_id` is the image that its tag names today."""
    described = dict(entry["parameters"])
    if tag_image_id != entry["image_id"]:
        described["image"] = entry["image_id"]
    return {**parameters, **described, "pull": "never"}
