# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_restart, whether the Docker daemon may be restarted under the containers that run.

Containers live through a restart of the daemon with live-restore, but only if "daemon options, such as bridge IP
addresses and graph driver, didn't change" (Docker's documentation, engine/daemon/live-restore).
Which options are of that kind is not listed there, so all are but those that a running container does not notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import engine_of, is_at_least, parts

_HARMLESS = frozenset(
    {
        "authorization-plugins",
        "cdi-spec-dirs",
        "debug",
        "default-cgroupns-mode",
        "default-ipc-mode",
        "default-runtime",
        "default-shm-size",
        "default-ulimits",
        "dns",
        "dns-opts",
        "dns-search",
        "init",
        "insecure-registries",
        "labels",
        "live-restore",
        "log-driver",
        "log-format",
        "log-level",
        "log-opts",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "metrics-addr",
        "min-api-version",
        "no-new-privileges",
        "node-generic-resources",
        "proxies",
        "raw-logs",
        "registry-mirrors",
        "runtimes",
        "seccomp-profile",
        "shutdown-timeout",
    }
)


def restart(host: Mapping[str, Any], keys: Iterable[str], allowed: bool) -> dict[str, Any]:
    """Return whether to restart the daemon for the settings `keys`: {restart, pending, settings, reason}.

    `host` is the fact gpt_oss_host of before the change: live-restore counts if it was on already. `reason` says why
    the restart is left to somebody else.
    """
    wanted = sorted(keys)
    engine = engine_of(host)
    reason = "" if allowed or not wanted else _obstacle(engine.containers, engine.live_restore, wanted)
    return {
        "restart": bool(wanted) and not reason and engine.running,
        "pending": bool(reason),
        "settings": wanted if reason else [],
        "reason": reason,
    }


def survives_upgrade(host: Mapping[str, Any], version: str) -> bool:
    """Tell whether containers live through the change to another version of the engine.

    Live-restore holds across patch releases only (Docker's documentation, engine/daemon/live-restore), so the version
    must be pinned to one of the same minor release and not be an older one.
    """
    engine = engine_of(host)
    same_minor = len(parts(version)) >= 2 and parts(version)[:2] == parts(engine.version)[:2]
    return engine.live_restore and same_minor and is_at_least(version, engine.version)


def _obstacle(containers: int, live_restore: bool, keys: list[str]) -> str:
    if containers == 0:
        return ""
    run = f"{containers} container{'s' if containers != 1 else ''} run"
    if not live_restore:
        return f"{run} and live-restore was off, so a restart of the daemon would stop them"
    breaking = [key for key in keys if key not in _HARMLESS]
    if breaking:
        return f"{run} and live-restore does not bear a change of {', '.join(breaking)}"
    return ""
