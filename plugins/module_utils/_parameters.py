# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: parameters - what is wrong with the parameters of vllm_container, all of it at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGE_TIMEOUTS

_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
_VARIABLE = re.compile(r"^[^=\s\0]+\Z")
_IMAGE = re.compile(r"^[^\s]+\Z")
_GPU_ID = re.compile(r"^(?:\d+(?::\d+)?|(?:GPU|MIG)-[0-9a-fA-F-]+)\Z")
_IPC_MODE = re.compile(r"^(?:host|private|shareable|none|container:.+)\Z")
_SIZE = re.compile(r"^(\d{1,18})\s*([bkmgt]?)b?\Z", re.IGNORECASE)
_USER = re.compile(r"^(?:\d{1,10}|[a-z_][a-z0-9_.-]*)(?::(?:\d{1,10}|[a-z_][a-z0-9_.-]*))?\Z", re.IGNORECASE)
_ULIMIT = re.compile(r"^(-1|\d{1,18})(?::(-1|\d{1,18}))?\Z")
_SIZE_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_ULIMITS = {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"}
_ULIMITS |= {"rtprio", "rttime", "sigpending", "stack"}
_CAPABILITY = re.compile(r"^(?:CAP_)?[A-Z][A-Z_]+\Z")
_SECURITY_OPTION = re.compile(
    r"^(?:no-new-privileges(?:[:=]true)?|apparmor[=:][^\s=]+|label[=:][^\s]+|seccomp[=:]unconfined)\Z"
)
_VOLUME_MODES = {"ro", "rw", "z", "Z", "shared", "slave", "private", "rshared", "rslave", "rprivate", "nocopy"}
_SERVING = ("present", "started", "restarted", "accepted", "rejected")


def problems(parameters: Mapping[str, Any]) -> list[str]:
    """Return what is wrong, a sentence each: the option, what was wanted, what was found."""
    found = list(_name_problems(parameters))
    if parameters["state"] in _SERVING:
        for check in (_text_problems, _network_problems, _gpu_problems, _limit_problems, _privilege_problems):
            found += check(parameters)
        found += _volume_problems(parameters["volumes"] or [])
        found += _device_problems(parameters["devices"] or [])
    return found


def size_bytes(text: str) -> int:
    """Return a size such as 16g or 67108864 in bytes. Raises ValueError."""
    match = _SIZE.match(text.strip())
    if not match:
        raise ValueError(f"expected a size such as 16g, got {text!r}")
    return int(match[1]) * _SIZE_UNITS[match[2].lower()]


def ulimit_pair(text: str) -> tuple[int, int]:
    """Return soft and hard limit of "soft:hard" or of one number for both. Raises ValueError."""
    match = _ULIMIT.match(str(text).strip())
    if not match:
        raise ValueError(f"expected soft:hard, such as 65536:65536, got {text!r}")
    soft, hard = int(match[1]), int(match[2] or match[1])
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueError(f"expected a soft limit that is not above the hard one, got {text!r}")
    return soft, hard


def gpu_ids(text: str) -> list[str]:
    """Return the ids of a list such as 0,1; empty for all and none."""
    return [] if text in ("all", "none") else [part.strip() for part in text.split(",")]


def _name_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    name = parameters["name"]
    if not _NAME.match(name):
        yield (
            f"name: expected two or more letters, digits, dots, dashes or underscores, "
            f"the first a letter or digit; got {name!r}"
        )
    for option, least in (("timeout", 1), ("stop_timeout", 1), ("drain_timeout", 0)):
        if parameters[option] is not None and parameters[option] < least:
            yield f"{option}: expected seconds, {least} or more, got {parameters[option]}"
    for stage, seconds in (parameters["stage_timeouts"] or {}).items():
        if stage not in STAGE_TIMEOUTS:
            yield f"stage_timeouts: expected one of {', '.join(STAGE_TIMEOUTS)}, got {stage!r}"
        elif isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
            yield f"stage_timeouts.{stage}: expected seconds above 0, got {seconds!r}"


def _text_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    if not _IMAGE.match(parameters["image"] or ""):
        yield f"image: expected a reference such as vllm/vllm-openai:v0.33.0, got {parameters['image']!r}"
    if parameters["api_key_file"] and not parameters["api_key_file"].startswith("/"):
        yield f"api_key_file: expected an absolute path, got {parameters['api_key_file']!r}"
    if parameters["user"] and not _USER.match(parameters["user"]):
        yield f"user: expected UID, UID:GID or names, such as 2000:0, got {parameters['user']!r}"
    for folder in parameters["python_path"] or []:
        if not folder.startswith("/") or ":" in folder:
            yield f"python_path: expected absolute paths in the container, got {folder!r}"
    for option in ("environment", "labels"):
        for name, value in (parameters[option] or {}).items():
            if not _VARIABLE.match(str(name)):
                yield f"{option}: expected a name without = and spaces, got {name!r}"
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                yield f"{option}.{name}: expected a string, got {value!r} ({type(value).__name__}); put it in quotes"


def _network_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    for option in ("port", "container_port"):
        if not 1 <= parameters[option] <= 65535:
            yield f"{option}: expected 1 to 65535, got {parameters[option]}"
    try:
        ipaddress.ip_address(parameters["bind_address"])
    except ValueError:
        yield f"bind_address: expected an IP address such as 127.0.0.1 or 0.0.0.0, got {parameters['bind_address']!r}"
    if not _IPC_MODE.match(parameters["ipc_mode"]):
        wanted = "host, private, shareable, none or container:NAME"
        yield f"ipc_mode: expected {wanted}, got {parameters['ipc_mode']!r}"


def _gpu_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    ids = gpu_ids(parameters["gpus"])
    if any(not _GPU_ID.match(part) for part in ids):
        yield f"gpus: expected all, none, or ids such as 0,1 or GPU-<uuid>, got {parameters['gpus']!r}"
    elif len(set(ids)) < len(ids):
        yield f"gpus: expected each GPU once, got {parameters['gpus']!r}"


def _limit_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    try:
        size_bytes(parameters["shm_size"] or "0")
    except ValueError as exc:
        yield f"shm_size: {exc}"
    for name, value in (parameters["ulimits"] or {}).items():
        if name not in _ULIMITS:
            yield f"ulimits: expected one of {', '.join(sorted(_ULIMITS))}, got {name!r}"
        try:
            ulimit_pair(value)
        except ValueError as exc:
            yield f"ulimits.{name}: {exc}"


def _privilege_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    for option in ("drop_capabilities", "add_capabilities"):
        for name in parameters[option] or []:
            if not _CAPABILITY.match(name):
                yield f"{option}: expected ALL or names such as NET_RAW, got {name!r}"
    for text in parameters["security_options"] or []:
        if not _SECURITY_OPTION.match(text):
            wanted = "no-new-privileges:true, apparmor=PROFILE, label=... or seccomp=unconfined"
            yield f"security_options: expected {wanted}, got {text!r}"
    for folder in parameters["tmpfs"] or []:
        if not folder.startswith("/"):
            yield f"tmpfs: expected /target or /target:size=1g, got {folder!r}"
    if parameters["pids_limit"] < 0:
        yield f"pids_limit: expected a number of processes, or 0 for no limit, got {parameters['pids_limit']}"


def _volume_problems(volumes: list[str]) -> Iterator[str]:
    targets: list[str] = []
    for volume in volumes:
        source, _colon, rest = volume.partition(":")
        target, _colon, modes = rest.partition(":")
        targets.append(target.rstrip("/"))
        unknown = set(modes.split(",")) - _VOLUME_MODES if modes else set()
        if not source.startswith("/") or not target.startswith("/") or unknown:
            yield f"volumes: expected /source:/target or /source:/target:ro, both absolute, got {volume!r}"
    for target in sorted({target for target in targets if target and targets.count(target) > 1}):
        yield f"volumes: expected one source for each target, got several for {target}"


def _device_problems(devices: list[str]) -> Iterator[str]:
    for device in devices:
        parts = device.split(":")
        paths_ok = all(part.startswith("/") for part in parts[:2])
        rights_ok = len(parts) < 3 or (parts[2] != "" and set(parts[2]) <= set("rwm"))
        if not paths_ok or not rights_ok or len(parts) > 3:
            yield f"devices: expected /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:rwm, got {device!r}"
