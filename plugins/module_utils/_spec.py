# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: spec - from parameters to the container that is wanted. Everything here is pure.

A "body" is the Engine API's request to create a container.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import (
    LABEL,
    LABEL_SHA256,
    description,
    environment_pairs,
    readable,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import gpu_ids, size_bytes, ulimit_pair
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stop_times import stop_timeout_of

KEY_TARGET = "/run/secrets/vllm_api_key"
# The key must show neither in the arguments nor in the environment that inspect tells, so the container reads it: with
# what every shell has built in, and never on without a key.
KEY_SCRIPT = (
    f'read -r VLLM_API_KEY < {KEY_TARGET}; if [ -z "$VLLM_API_KEY" ]; then '
    f'echo "expected an API key in {KEY_TARGET}, could not read one" >&2; exit 78; fi; '
    'export VLLM_API_KEY; exec "$@"'
)


def wanted_body(parameters: Mapping[str, Any], image: Mapping[str, Any] | None, policy: str) -> dict[str, Any]:
    """Return the body that creates the wanted container; `image` is the inspected image, None when it is not here."""
    defaults = (image or {}).get("Config") or {}
    entrypoint, arguments = _command(parameters, defaults)
    body = {
        "Image": parameters["image"],
        "Entrypoint": entrypoint or [""],
        "Cmd": arguments,
        "Env": _environment(parameters, defaults),
        "Labels": {str(name): str(value) for name, value in (parameters["labels"] or {}).items()},
        "HostConfig": _host_config(parameters, policy),
        # No part of the description: another one is no reason to make a server anew.
        "StopTimeout": stop_timeout_of(parameters["stop_timeout"], arguments),
    }
    if parameters["user"]:
        body["User"] = parameters["user"]
    if parameters["network_mode"] == "bridge":
        body["ExposedPorts"] = {f"{parameters['container_port']}/tcp": {}}
    recorded = readable(description(body, image), image)
    del recorded["restart_policy"]
    text = json.dumps(recorded, sort_keys=True)
    body["Labels"] = {**body["Labels"], LABEL: text, LABEL_SHA256: hashlib.sha256(text.encode()).hexdigest()}
    return body


def endpoint(parameters: Mapping[str, Any]) -> str:
    """Return the base URL under which this host reaches the server."""
    return base_url(parameters["bind_address"], parameters["port"])


def base_url(bind_address: str, port: Any) -> str:
    """Return the base URL under which a host reaches what listens at an address of its own."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind_address, bind_address)
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/v1"


def served_name(parameters: Mapping[str, Any]) -> str | None:
    """Return the model name that the server shall list."""
    return parameters["served_model_name"] or parameters["model"]


def _command(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    own = parameters["entrypoint"]
    entrypoint = list(own if own is not None else defaults.get("Entrypoint") or [])
    arguments = list(parameters["arguments"] or (defaults.get("Cmd") or [] if own is None else []))
    if parameters["api_key_file"]:
        entrypoint = ["/bin/sh", "-c", KEY_SCRIPT, "vllm", *entrypoint]
    return entrypoint, arguments


def _environment(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    inherited = environment_pairs(defaults.get("Env"))
    asked = {str(name): str(value) for name, value in (parameters["environment"] or {}).items()}
    if parameters["python_path"]:
        others = asked.get("PYTHONPATH", inherited.get("PYTHONPATH"))
        asked["PYTHONPATH"] = ":".join([*parameters["python_path"], *([others] if others else [])])
    return [f"{name}={asked[name]}" for name in sorted(asked) if inherited.get(name) != asked[name]]


def _host_config(parameters: Mapping[str, Any], policy: str) -> dict[str, Any]:
    host: dict[str, Any] = {
        "Binds": list(parameters["volumes"] or []),
        "Mounts": [],
        "NetworkMode": parameters["network_mode"],
        "PortBindings": {},
        "IpcMode": parameters["ipc_mode"],
        "Devices": [_device(device) for device in parameters["devices"] or []],
        "DeviceRequests": _device_requests(parameters["gpus"], parameters["gpu_access"]),
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": 0},
    }
    if parameters["network_mode"] == "bridge":
        binding = {"HostIp": parameters["bind_address"], "HostPort": str(parameters["port"])}
        host["PortBindings"] = {f"{parameters['container_port']}/tcp": [binding]}
    if parameters["api_key_file"]:
        mount = {"Type": "bind", "Source": parameters["api_key_file"], "Target": KEY_TARGET, "ReadOnly": True}
        host["Mounts"] = [mount]
    if parameters["shm_size"]:
        host["ShmSize"] = size_bytes(parameters["shm_size"])
    if parameters["ulimits"]:
        pairs = {name: ulimit_pair(value) for name, value in sorted(parameters["ulimits"].items())}
        host["Ulimits"] = [{"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in pairs.items()]
    return {**host, **_privileges(parameters)}


def _privileges(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what narrows the container down; what is not asked for is left to the engine."""
    tmpfs = dict(folder.partition(":")[::2] for folder in parameters.get("tmpfs") or [])
    asked = {
        "CapDrop": list(parameters.get("drop_capabilities") or []),
        "CapAdd": list(parameters.get("add_capabilities") or []),
        "SecurityOpt": list(parameters.get("security_options") or []),
        "ReadonlyRootfs": bool(parameters.get("read_only")),
        "Tmpfs": tmpfs,
        "PidsLimit": parameters.get("pids_limit") or 0,
    }
    return {key: value for key, value in asked.items() if value}


def _device(text: str) -> dict[str, str]:
    path, _colon, rest = text.partition(":")
    target, _colon, rights = rest.partition(":")
    return {"PathOnHost": path, "PathInContainer": target or path, "CgroupPermissions": rights or "rwm"}


def _device_requests(gpus: str, access: str) -> list[dict[str, Any]]:
    if gpus == "none" or access == "device_nodes":
        return []
    ids = gpu_ids(gpus)
    if access == "cdi":
        return [{"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={gpu}" for gpu in ids or ["all"]]}]
    request = {"Driver": "", "Count": 0 if ids else -1, "DeviceIDs": ids or None, "Capabilities": [["gpu"]]}
    return [request]
