# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server options - the keys that an entry of `vllm_servers` may have, and what each may hold."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGE_TIMEOUTS

Check = Callable[[Any], Any]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_GPUS = re.compile(r"all|none|auto|[A-Za-z0-9-]+(,[A-Za-z0-9-]+)*")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def _optional_text(value: Any) -> str | None:
    return _text(value) if value else None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a container name: letters, digits, '_', '.' and '-', two characters or more")
    return value


def _number(least: int, most: int, what: str) -> Check:
    def check(value: Any) -> int:
        digits = str(value).strip()
        if isinstance(value, (bool, float)) or not digits.isdigit() or not least <= int(digits) <= most:
            raise ValueError(what)
        return int(digits)

    return check


def _fraction(value: Any) -> float:
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        number = 0.0
    if isinstance(value, bool) or not 0 < number <= 1:
        raise ValueError("a number above 0, at most 1")
    return number


def _one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return check


def _texts(value: Any) -> list[str]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise ValueError("a list of texts")
    if any(isinstance(item, (Mapping, list, tuple)) or item is None for item in value):
        raise ValueError("a list of texts, each of them one word of the command line")
    return [str(item) for item in value]


def _optional_texts(value: Any) -> list[str] | None:
    return None if value is None else _texts(value)


def _table(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or any(isinstance(item, (Mapping, list, tuple)) for item in value.values()):
        raise ValueError("a dictionary of texts")
    return {str(key): _plain(item) for key, item in value.items()}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _gpus(value: Any) -> str:
    text = str(value).replace(" ", "")
    if isinstance(value, (Mapping, list, bool)) or not _GPUS.fullmatch(text):
        raise ValueError('"all", "none", "auto", or numbers such as "0,1"')
    names = text.split(",")
    if len(names) != len(set(names)):
        raise ValueError("each GPU once")
    return text


def _replicas(value: Any) -> int | str:
    return "auto" if value == "auto" else int(_number(1, 1024, 'a number of servers above 0, or "auto"')(value))


def _stage_timeouts(value: Any) -> dict[str, int]:
    stages = list(STAGE_TIMEOUTS)
    if not isinstance(value, Mapping):
        raise ValueError("a dictionary of seconds by stage")
    wrong = [str(stage) for stage in value if stage not in stages]
    if wrong:
        raise ValueError(f"a dictionary with these stages: {', '.join(stages)}")
    return {str(stage): _SECONDS(seconds) for stage, seconds in value.items()}


def _address(value: Any) -> str:
    try:
        ipaddress.ip_address("127.0.0.1" if value == "localhost" else str(value))
    except ValueError:
        raise ValueError("an IP address of the host, such as 127.0.0.1 or 0.0.0.0") from None
    return "127.0.0.1" if value == "localhost" else str(value)


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in ("true", "false", "yes", "no"):
        raise ValueError("true or false")
    return word in ("true", "yes")


_POSITIVE = _number(1, 2**31, "a whole number above 0")
_SECONDS = _number(1, 2**31, "a whole number of seconds")

# Option -> how it is read.
OPTIONS: dict[str, Check] = {
    "name": _name,
    "model": _text,
    "recipe": _text,
    "profile": _text,
    "replicas": _replicas,
    "image": _text,
    "pull": _one_of("missing", "always", "never"),
    "vllm_version": _text,
    "moe_activation": _one_of("bf16", "mxfp8"),
    "tensor_parallel_size": _POSITIVE,
    "data_parallel_size": _POSITIVE,
    "port": _number(1, 65535, "a port, 1 to 65535"),
    "bind_address": _address,
    "network_mode": _one_of("bridge", "host"),
    "gpus": _gpus,
    "gpu_access": _one_of("device_requests", "cdi", "device_nodes"),
    "gpu_family": _one_of("sm90", "sm100", "sm103"),
    "devices": _texts,
    "ipc_mode": _optional_text,
    "shm_size": lambda value: str(value) if value else None,
    "ulimits": _table,
    "drop_capabilities": _texts,
    "add_capabilities": _texts,
    "security_options": _texts,
    "read_only": _boolean,
    "tmpfs": _texts,
    "pids_limit": _number(0, 2**31, "a whole number of processes, 0 for no limit"),
    "entrypoint": _optional_texts,
    "arguments": _texts,
    "environment": _table,
    "volumes": _texts,
    "caches": _boolean,
    "api_key_file": _optional_text,
    "guard": _boolean,
    "served_model_name": _optional_text,
    "max_model_len": _POSITIVE,
    "gpu_memory_utilization": _fraction,
    "max_num_seqs": _POSITIVE,
    "max_num_batched_tokens": _POSITIVE,
    "kv_cache_dtype": _text,
    "user": lambda value: None if value is None or value == "" else str(value),
    "restart_policy": _one_of("no", "always", "on-failure", "unless-stopped"),
    "labels": _table,
    "timeout": _SECONDS,
    "stop_timeout": _SECONDS,
    "drain_timeout": _number(0, 2**31, "a whole number of seconds"),
    "stage_timeouts": _stage_timeouts,
}
REQUIRED = ("name", "model")


def read_options(given: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return the options of one entry in their right types; what is wrong with them goes to `problems`."""
    options: dict[str, Any] = {}
    for key, value in given.items():
        if key not in OPTIONS:
            problems.append(f"unknown key '{key}'{suggestion(key, OPTIONS)}")
            continue
        try:
            options[str(key)] = OPTIONS[key](value)
        except ValueError as exc:
            problems.append(f"{key} must be {exc}; found {value!r}")
    problems.extend(f"'{key}' is missing" for key in REQUIRED if key not in given)
    return options


def suggestion(word: Any, known: Iterable[Any]) -> str:
    """Return what follows a wrong word: the nearest known one, else all that are known."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(names))}"


def flag_of(argument: str) -> str | None:
    """Return a flag as vLLM reads it: without its value, "_" as "-"; None for what is no flag."""
    if not argument.startswith("-") or argument[1:2].isdigit():
        return None
    return argument.partition("=")[0].replace("_", "-")


def flags_of(arguments: Iterable[str]) -> set[str]:
    """Return the flags among arguments; of `--config.key value` the name of the flag, `--config`."""
    return {flag.partition(".")[0] for flag in map(flag_of, arguments) if flag}


def is_loopback(address: str) -> bool:
    """Tell whether an address can be reached from its own host alone."""
    return ipaddress.ip_address(address).is_loopback
