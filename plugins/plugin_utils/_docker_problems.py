# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_problems, all that speaks against a plan of the role docker, found before anything is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_options import structure_problems
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_restart import survives_upgrade
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_settings import Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import (
    Engine,
    in_swarm,
    is_at_least,
    parts,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

Problem = dict[str, Any]

LOCAL = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
# The flags of the units in Docker's and in Debian's packages (moby, contrib/init/systemd/docker.service).
_SET_BY_UNIT = {"hosts": "-H fd://", "containerd": "--containerd"}
# From 29.0 on, a fresh engine keeps its images in containerd (Docker's release notes of 29.0).
_CONTAINERD_STORE_SINCE = "29.0"


def problems_of(
    host: Mapping[str, Any], options: Mapping[str, Any], engine: Engine, wanted: Wanted, draft: Mapping[str, Any]
) -> list[Problem]:
    """Return the problems in the shape of _problems.problem."""
    found = [*_host_problems(host, options), *_version_problems(options)]
    if draft["installs"]:
        found += _installation_problems(host, options, engine, draft)
    found += _settings_problems(host, engine, wanted)
    found += _place_problems(host, options, engine, draft)
    return found


def _host_problems(host: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Problem]:
    if options["docker_host"] not in LOCAL:
        yield _error(
            "docker_elsewhere",
            f"the engine of this host at {LOCAL[0]}",
            f"gpt_oss_docker_host {options['docker_host']}",
            "leave the role docker out for this host, or unset gpt_oss_docker_host: the role cares for no other engine",
        )
    user = host.get("user") or {}
    if not user.get("root"):
        yield _error("docker_needs_root", "root", f"user {user.get('name')}", "set ansible_become: true")


def _version_problems(options: Mapping[str, Any]) -> Iterator[Problem]:
    version, floor = options["version"], options["minimum_version"]
    if not version:
        return
    if not re.fullmatch(r"\d+(\.\d+)*", version):
        remedy = "set docker_version to upstream's number, without epoch and suffix"
        yield _error("docker_version_unreadable", "a version such as 28.2.2", repr(version), remedy)
    elif parts(version) < parts(floor)[: len(parts(version))]:
        remedy = "raise docker_version, or lower docker_minimum_version"
        yield _error("docker_version_too_old", f"version {floor} or newer", f"docker_version {version}", remedy)


def _installation_problems(
    host: Mapping[str, Any], options: Mapping[str, Any], engine: Engine, draft: Mapping[str, Any]
) -> Iterator[Problem]:
    yield from _source_problems(host, options, draft["source"])
    if engine.origin == "unknown":
        yield _error(
            "docker_unowned",
            f"an engine from packages, {options['minimum_version']} or newer",
            f"engine {engine.version or 'of unknown version'} that no package owns",
            "remove it (/var/lib/docker may stay), or keep it: docker_source: auto and a lower docker_minimum_version",
        )
    held = [name for name in host.get("held") or [] if name in (*draft["install"], "docker.io", "containerd", "runc")]
    if held and engine.origin:
        remedy = (
            "release them (apt-mark unhold, dnf versionlock delete), or leave docker_version and docker_source alone"
        )
        yield _error("docker_held", "packages that may change", f"held back: {', '.join(held)}", remedy)
    stops = engine.in_use and not options["replace_running"] and not survives_upgrade(host, options["version"])
    if stops:
        yield _error(
            "docker_in_use",
            f"no running container while packages of engine {engine.version} are replaced",
            f"{engine.containers} running (live-restore holds across patch releases only, with docker_version pinned)",
            "stop them, or set docker_replace_running: true, or docker_source: auto to keep this engine",
        )


def _source_problems(host: Mapping[str, Any], options: Mapping[str, Any], source: str) -> Iterator[Problem]:
    distribution = host.get("distribution") or {}
    name = distribution.get("name") or distribution.get("id") or "an unknown distribution"
    if source == "distribution" and not options["packages"][source]:
        remedy = "set docker_source: official"
        yield _error("docker_not_packaged", "an engine among the distribution's packages", f"none in {name}", remedy)
    if source != "official" or options["packages_folder"] or not options["repository_managed"]:
        return
    if not options["repository_uri"]:
        remedy = "set docker_repository_uri and docker_repository_suite, or docker_repository_managed: false"
        yield _error("docker_unsupported", "Debian, Ubuntu, RHEL or one of its rebuilds", name, remedy)
    elif not options["repository_fingerprints"] and not options["repository_trusted"]:
        remedy = "set docker_repository_fingerprints, or docker_repository_trusted: true if you vouch for its contents"
        yield _error("docker_repository_unsigned", "the fingerprints of the repository's key", "none", remedy)


def _settings_problems(host: Mapping[str, Any], engine: Engine, wanted: Wanted) -> Iterator[Problem]:
    daemon = host.get("daemon_json") or {}
    path = daemon.get("path") or "/etc/docker/daemon.json"
    if daemon.get("error"):
        remedy = "correct or remove the file; it was not touched"
        yield _error("daemon_json_broken", f"one JSON object in {path}", daemon["error"], remedy)
    for line in structure_problems(wanted.own, known_only=False):
        remedy = "correct docker_daemon_settings or docker_daemon_defaults"
        yield _error("daemon_setting_wrong", "settings that dockerd starts with", line, remedy)
    after = wanted.after(daemon.get("settings") or {})
    for key, flag in _SET_BY_UNIT.items() if not engine.origin and host.get("init") == "systemd" else ():
        if key in after:
            remedy = f"remove {key}; for further sockets, write a drop-in of docker.service"
            yield _error(
                "daemon_setting_in_unit", f"{key} in one place", f"it in {path} and {flag} in the unit", remedy
            )
    if after.get("live-restore") and in_swarm(host):
        remedy = "set docker_daemon_settings: {live-restore: false}, or leave the swarm"
        yield _error("live_restore_in_swarm", "no live-restore in a swarm", "both: dockerd would not start", remedy)


def _place_problems(
    host: Mapping[str, Any], options: Mapping[str, Any], engine: Engine, draft: Mapping[str, Any]
) -> Iterator[Problem]:
    for what, path in (
        ("docker_data_root", options["data_root"]),
        ("docker_containerd_root", options["containerd_root"]),
    ):
        if path and not re.fullmatch(r"/[^\s\"'\\]+", path):
            yield _error(f"{what}_unreadable", "an absolute path without blanks", repr(path), f"correct {what}")
    if draft["containerd_root"] and host.get("init") != "systemd":
        yield _error(
            "docker_containerd_root_unused",
            f"containerd's root {draft['containerd_root']} by containerd.service",
            "PID 1 is not systemd, so dockerd starts a containerd of its own below its data root",
            "set docker_data_root instead",
        )
    for move in draft["moves"]:
        if move["from"] in options["occupied"]:
            yield _move_problem(move)
        elif engine.in_use:
            wish, found = f"no running container while {move['what']} changes", f"{engine.containers} running"
            yield _error("docker_move_in_use", wish, found, "stop them, and move what is in the old place by hand")
    if options["data_root"] and not options["containerd_root"] and _uses_containerd_store(host, options, engine):
        yield _problem(
            "images_elsewhere",
            "warning",
            f"images in {options['data_root']}",
            "an engine that keeps them in containerd's root, which data-root does not move",
            "set docker_containerd_root too",
        )


def _move_problem(move: Mapping[str, Any]) -> Problem:
    old, new = move["from"], move["to"]
    service = "docker.service docker.socket containerd.service"
    remedy = (
        f"move it by hand: systemctl stop {service}; mkdir -p {new}; rsync -aHAXS {old}/ {new}/; mv {old} {old}.old; "
        f"run this again; remove {old}.old when all is well. Or set {move['what']} back"
    )
    found = f"images, containers or volumes in {old}"
    return _error(f"{move['what']}_occupied", f"{new}, with nothing left behind", found, remedy)


def _uses_containerd_store(host: Mapping[str, Any], options: Mapping[str, Any], engine: Engine) -> bool:
    chosen = (options["settings"].get("features") or {}).get("containerd-snapshotter")
    if chosen is not None:
        return bool(chosen)
    docker = host.get("docker") or {}
    if docker:
        return bool(docker.get("image_store") == "containerd")
    return not engine.origin and is_at_least(options["version"] or _CONTAINERD_STORE_SINCE, _CONTAINERD_STORE_SINCE)


def _error(identifier: str, wanted: str, found: str, remedy: str) -> Problem:
    return _problem(identifier, "error", wanted, found, remedy)


def _problem(identifier: str, severity: Any, wanted: str, found: str, remedy: str) -> Problem:
    return problem(identifier, severity, "docker", wanted, found, remedy)
