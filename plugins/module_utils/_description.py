# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: description - the readable form in which a wanted and an existing container are compared.

Everything here is pure. A "body" is the Engine API's request to create a container.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _secrets

LABEL = "gpt_oss.fleet.description"
LABEL_SHA256 = "gpt_oss.fleet.description_sha256"
# The commit of the model's weights.
LABEL_REVISION = "gpt_oss.fleet.revision"
_NO_NEW_PRIVILEGES = ("no-new-privileges", "no-new-privileges=true")
_DEFAULT_SHM_SIZE = 64 * 1024**2

Description = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One key of the description, as it is and as it shall be. Secrets are masked."""

    key: str
    before: Any
    after: Any


def description(container: Mapping[str, Any], image: Mapping[str, Any] | None) -> Description:
    """Return the description of a body or of an inspected container; `image` is the image it is made from.

    Environment and labels are whole here, the image's own included.
    """
    config = container.get("Config") or container
    host = container["HostConfig"]
    defaults = (image or {}).get("Config") or {}
    inspected = "Config" in container
    environment = environment_pairs(None if inspected else defaults.get("Env"))
    environment.update(environment_pairs(config.get("Env")))
    labels = {**({} if inspected else defaults.get("Labels") or {}), **(config.get("Labels") or {})}
    return {
        "image": config["Image"],
        "image_id": container["Image"] if inspected else (image or {}).get("Id"),
        "entrypoint": [part for part in config.get("Entrypoint") or [] if part],
        "arguments": list(config.get("Cmd") or []),
        "environment": environment,
        "labels": {name: labels[name] for name in sorted(labels) if name not in (LABEL, LABEL_SHA256)},
        "volumes": sorted(_volumes(host)),
        "ports": sorted(_ports(host)),
        "network_mode": "bridge" if host.get("NetworkMode") in (None, "", "default") else host["NetworkMode"],
        "gpus": sorted(_gpus(host)),
        "devices": sorted(_devices(host)),
        "ipc_mode": host.get("IpcMode") or "private",
        "shm_size": host.get("ShmSize"),
        "ulimits": {limit["Name"]: f"{limit['Soft']}:{limit['Hard']}" for limit in host.get("Ulimits") or []},
        "user": config.get("User") or defaults.get("User") or "",
        "privileged": bool(host.get("Privileged")),
        "dropped_capabilities": _capabilities(host.get("CapDrop")),
        "added_capabilities": _capabilities(host.get("CapAdd")),
        "security_options": sorted(_security_options(host)),
        "read_only": bool(host.get("ReadonlyRootfs")),
        "tmpfs": sorted(f"{target}:{how}".rstrip(":") for target, how in (host.get("Tmpfs") or {}).items()),
        "pids_limit": max(0, host.get("PidsLimit") or 0),
        "memory": host.get("Memory") or 0,
        "nano_cpus": host.get("NanoCpus") or 0,
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
    }


def differences(observed: Description, wanted: Description) -> list[Difference]:
    """Return how a container (see comparable) differs from the wanted one, leaving the restart policy aside.

    The image counts by id: a tag may move, and two tags may name one image.
    """
    ignored = ("image", "restart_policy")
    keys = [key for key in wanted if key not in ignored and observed[key] != wanted[key]]
    before, after = shown(observed), shown(wanted)
    return [Difference(key, before[key], _noted(before[key], after[key])) for key in keys]


def recorded_description(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readable description kept in a container's labels; empty when there is none."""
    text = ((container.get("Config") or {}).get("Labels") or {}).get(LABEL)
    try:
        recorded = _json_text.loads(text or "{}")
    except ValueError:
        return {}
    return recorded if isinstance(recorded, dict) else {}


def shown(description: Description) -> Description:
    """Return a description that may be shown: secrets masked."""
    return {
        **description,
        "entrypoint": _secrets.mask_arguments(description["entrypoint"]),
        "arguments": _secrets.mask_arguments(description["arguments"]),
        "environment": _secrets.masked(description["environment"]),
    }


def environment_pairs(entries: list[str] | None) -> dict[str, str]:
    """Return NAME=value entries as a mapping."""
    return {name: value for name, _equals, value in (entry.partition("=") for entry in entries or [])}


def readable(description: Description, image: Mapping[str, Any] | None) -> Description:
    """Return a description that may be shown, without the variables and labels that the image brings along."""
    defaults = (image or {}).get("Config") or {}
    variables, labels = environment_pairs(defaults.get("Env")), defaults.get("Labels") or {}
    own = {name: value for name, value in description["environment"].items() if variables.get(name) != value}
    own_labels = {name: value for name, value in description["labels"].items() if labels.get(name) != value}
    return shown({**description, "environment": own, "labels": own_labels})


def comparable(observed: Description, wanted: Description, recorded: Mapping[str, Any]) -> Description:
    """Return the observed description without the limits that the engine's own configuration puts in.

    `recorded` is the description that the container was made from (recorded_description): what was once asked for
    does count.
    """
    asked = set(wanted["ulimits"]) | set(recorded.get("ulimits") or {})
    ulimits = {name: limit for name, limit in observed["ulimits"].items() if name in asked}
    shm_size = observed["shm_size"]
    if wanted["shm_size"] is None and (shm_size == _DEFAULT_SHM_SIZE or recorded.get("shm_size", "") is None):
        shm_size = None
    return {**observed, "ulimits": ulimits, "shm_size": shm_size}


def _noted(before: Any, after: Any) -> Any:
    """Return what to show for `after`. Where only a masked secret changed, both would look alike."""
    return after if before != after else "(a secret in it changed)"


def _volumes(host: Mapping[str, Any]) -> Iterator[str]:
    for bind in host.get("Binds") or []:
        source, target, *modes = bind.split(":", 2)
        kept = sorted(set(",".join(modes).split(",")) - {"", "rw"})
        yield ":".join([source, target, *([",".join(kept)] if kept else [])])
    for mount in host.get("Mounts") or []:
        yield f"{mount.get('Source', '')}:{mount['Target']}{':ro' if mount.get('ReadOnly') else ''}"


def _capabilities(names: Iterable[str] | None) -> list[str]:
    """Return capabilities as they are usually asked for; newer engines show them with a prefix."""
    return sorted({name.upper().removeprefix("CAP_") for name in names or []})


def _security_options(host: Mapping[str, Any]) -> Iterator[str]:
    for option in host.get("SecurityOpt") or []:
        # The engine adds it by itself where the IPC namespace is the host's.
        if not (option == "label=disable" and host.get("IpcMode") == "host"):
            yield "no-new-privileges:true" if option in _NO_NEW_PRIVILEGES else option


def _ports(host: Mapping[str, Any]) -> Iterator[str]:
    for port, bindings in (host.get("PortBindings") or {}).items():
        for binding in bindings or []:
            yield f"{binding.get('HostIp') or '0.0.0.0'}:{binding.get('HostPort', '')}->{port}"


def _devices(host: Mapping[str, Any]) -> Iterator[str]:
    for device in host.get("Devices") or []:
        yield f"{device['PathOnHost']}:{device['PathInContainer']}:{device['CgroupPermissions']}"


def _gpus(host: Mapping[str, Any]) -> Iterator[str]:
    for request in host.get("DeviceRequests") or []:
        ids = ",".join(request.get("DeviceIDs") or [])
        count = request.get("Count") or 0
        which = ids or ("all" if count == -1 else f"{count} of them")
        driver = request.get("Driver")
        yield f"{driver}: {which}" if driver and driver != "nvidia" else which
