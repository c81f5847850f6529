# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_verdict, whether the engine is what was planned, by what it says itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_plan import plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_settings import wanted_settings
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import (
    containerd_root,
    engine_of,
    is_at_least,
    same_folder,
    satisfies,
    upstream,
    written_settings,
)

# Which key of daemon.json the engine tells under which name in the fact.
_TOLD = {"live-restore": "live_restore", "default-runtime": "default_runtime", "log-driver": "log_driver"}


def unmet(host: Mapping[str, Any], options: Mapping[str, Any], pending: Collection[str] = ()) -> list[str]:
    """Return what is not as planned, a sentence each. `pending` are the keys that are known to wait for a restart."""
    engine = engine_of(host)
    if not engine.running:
        return [f"wanted a Docker Engine that answers, found none: {host.get('docker_problem') or 'no answer'}"]
    found = []
    if not is_at_least(engine.version, options["minimum_version"]) or not satisfies(engine.version, options["version"]):
        wanted = options["version"] or f"{options['minimum_version']} or newer"
        found.append(f"wanted engine {wanted}, found {engine.version}")
    running = upstream(str(host["docker"].get("version")))
    if running != engine.version:
        found.append(f"wanted the installed engine {engine.version} to run, found that {running} still does")
    found += _settings_not_in_force(host, options, pending)
    root = options["containerd_root"]
    if root and not same_folder(root, containerd_root(host)):
        found.append(f"wanted containerd's root {root}, found {containerd_root(host)}")
    left = plan(host, options)
    found += [f"still to be done: {step}" for step in ("install", "remove", "enable") if left[step]]
    return found


def _settings_not_in_force(host: Mapping[str, Any], options: Mapping[str, Any], pending: Collection[str]) -> list[str]:
    docker = host["docker"]
    after = wanted_settings(host, options).after(written_settings(host))
    found = [
        f"wanted {key} {after[key]!r} in force, found {docker[name]!r}"
        for key, name in _TOLD.items()
        if key in after and docker.get(name) is not None and key not in pending and after[key] != docker[name]
    ]
    missing = sorted(set(after.get("runtimes") or {}) - set(docker.get("runtimes") or []))
    if missing:
        found.append(f"wanted the runtimes {', '.join(missing)} registered, found {', '.join(docker['runtimes'])}")
    return found
