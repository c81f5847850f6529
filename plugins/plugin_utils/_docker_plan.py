# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_plan, what the role docker does on a host, decided from the fact gpt_oss_host alone.

Pure. The rule for an engine that works: it is kept, unless another one or another version was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_problems import problems_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_settings import wanted_settings
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import (
    Engine,
    containerd_root,
    data_roots,
    engine_of,
    is_at_least,
    is_reload_due,
    same_folder,
    satisfies,
)

# Where a data root or a containerd root has something in it: there are entries in one of these folders.
_DATA = ("containers", "overlay2", "volumes", "image/overlay2/imagedb/content/sha256")
_CONTAINERD = ("io.containerd.content.v1.content/blobs/sha256", "io.containerd.snapshotter.v1.overlayfs/snapshots")


def plan(host: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to do, and all that speaks against it. The filter docker_plan documents both dictionaries."""
    engine = engine_of(host)
    source = source_of(engine, options)
    installs = must_install(engine, source, options)
    wanted = wanted_settings(host, options)
    draft = {
        "source": source,
        "engine": {"origin": engine.origin, "version": engine.version, "running": engine.running},
        "installs": installs,
        "install": list(options["packages"][source]) if installs else [],
        "upgrade": installs and engine.origin == source,
        "version": options["version"] if installs else "",
        "remove": removals(host, options) if installs and source == "official" else [],
        "settings": wanted.settings,
        "defaults": wanted.defaults,
        "moves": moves(host, options),
        "containerd_root": options["containerd_root"] if changes_containerd(host, options) else "",
        "start": not engine.running,
        "reload": is_reload_due(host),
        "enable": must_enable(host),
    }
    return {**draft, "problems": problems_of(host, options, engine, wanted, draft)}


def source_of(engine: Engine, options: Mapping[str, Any]) -> str:
    """Return where the engine shall come from: "kept", "official" or "distribution"."""
    if options["source"] != "auto":
        return str(options["source"])
    good = is_at_least(engine.version, options["minimum_version"]) and satisfies(engine.version, options["version"])
    if engine.origin and good:
        return "kept"
    # Another version of the distribution's engine was asked for: from where it came.
    wrong_version = bool(options["version"]) and is_at_least(engine.version, options["minimum_version"])
    return "distribution" if engine.origin == "distribution" and wrong_version else "official"


def must_install(engine: Engine, source: str, options: Mapping[str, Any]) -> bool:
    """Tell whether packages have to be installed."""
    if source == "kept":
        return False
    good = is_at_least(engine.version, options["minimum_version"]) and satisfies(engine.version, options["version"])
    return engine.origin != source or not good


def removals(host: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Return the installed packages that are in the way of the official ones.

    docker.io, containerd and runc are not among them: apt and dnf replace them in the same transaction, as the
    official packages declare the conflict. So no host is left without an engine halfway.
    """
    return [name for name in options["conflicting_packages"] if name in (host.get("packages") or {})]


def moves(host: Mapping[str, Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the roots that shall lie elsewhere: {what, from, to, evidence}.

    `evidence` are the folders whose entries tell that there is something in the old place.
    """
    places = (
        ("docker_data_root", data_roots(host), options["data_root"], _DATA),
        ("docker_containerd_root", [containerd_root(host)], options["containerd_root"], _CONTAINERD),
    )
    return [
        {"what": what, "from": old[0], "to": new, "evidence": [f"{old[0]}/{folder}" for folder in folders]}
        for what, old, new, folders in places
        if new and not any(same_folder(new, name) for name in old)
    ]


def changes_containerd(host: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Tell whether containerd's configuration has to name another root."""
    wanted = options["containerd_root"]
    return bool(wanted) and not same_folder(wanted, containerd_root(host))


def must_enable(host: Mapping[str, Any]) -> bool:
    """Tell whether the service does not come up with the host yet. Without systemd that is nobody's business here."""
    service = (host.get("services") or {}).get("docker.service") or {}
    return host.get("init") == "systemd" and service.get("enabled") != "enabled"
