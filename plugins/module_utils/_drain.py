# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: drain - lets a server finish the requests that it has before it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import MetricsError, engine_counters
from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import KEY_TARGET, base_url

_PAUSE = 0.5
_ANSWER_SECONDS = 5.0


def requests_of(metrics: str) -> int:
    """Return the requests that run or wait, from what /metrics tells, over all engines of the server."""
    try:
        return sum(engine.requests for engine in engine_counters(metrics).values())
    except MetricsError:
        return 0


def drain(
    metrics: Callable[[], str],
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until the server has no request, `timeout` seconds at most; return how many it has then.

    A server that does not tell has none to wait for: it still starts, or is dead.
    """
    deadline = clock() + timeout
    while True:
        try:
            left = requests_of(metrics())
        except ApiError:
            return 0
        if not left or clock() >= deadline:
            return left
        sleep(min(_PAUSE, max(0.0, deadline - clock())))


def metrics_of(container: Mapping[str, Any]) -> Callable[[], str]:
    """Return what asks an inspected container's server for its metrics, with the key that it was started with."""
    base_url, key_file = address_of(container), _key_file_of(container)

    def ask() -> str:
        if base_url is None:
            raise ApiError("the container publishes no port")
        return Api(base_url, read_api_key(key_file), _ANSWER_SECONDS).metrics() or ""

    return ask


def address_of(container: Mapping[str, Any]) -> Optional[str]:
    """Return the base URL at which this host reaches a container's server; None when it publishes no port."""
    host = container["HostConfig"]
    for bindings in (host.get("PortBindings") or {}).values():
        for binding in bindings or []:
            return base_url(binding.get("HostIp") or "127.0.0.1", binding["HostPort"])
    if host.get("NetworkMode") != "host":
        return None
    words = [str(word) for word in container["Config"].get("Cmd") or []]
    told = dict(zip(words, words[1:]))
    return base_url(told.get("--host", "127.0.0.1"), told.get("--port", "8000"))


def _key_file_of(container: Mapping[str, Any]) -> Optional[str]:
    mounts = container["HostConfig"].get("Mounts") or []
    return next((str(mount["Source"]) for mount in mounts if mount.get("Target") == KEY_TARGET), None)
