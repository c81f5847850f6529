# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_packages, the names and versions to hand to apt or dnf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import (
    DISTRIBUTION,
    OFFICIAL,
    satisfies,
    upstream,
)

# The packages that carry the engine's own version; containerd.io and the plugins have versions of their own.
ENGINE_PACKAGES = (OFFICIAL, "docker-ce-cli", "docker-ce-rootless-extras", DISTRIBUTION)


class UnknownVersion(Exception):
    """The repositories do not hold the version that is pinned."""


def package_specs(names: Iterable[str], pin: str, versions: Mapping[str, Mapping[str, Any]], family: str) -> list[str]:
    """Return the packages as apt (name=version) or dnf (name-version) want them; the plain name for what is not pinned.

    `versions` is the result of package_versions. Raises UnknownVersion.
    """
    separator = "-" if family == "redhat" else "="
    return [
        f"{name}{separator}{_newest(name, pin, versions.get(name) or {})}" if pin and name in ENGINE_PACKAGES else name
        for name in names
    ]


def _newest(name: str, pin: str, known: Mapping[str, Any]) -> str:
    available = [str(version) for version in known.get("available") or []]
    for version in available:
        if satisfies(version, pin):
            return version
    there = ", ".join(dict.fromkeys(upstream(version) for version in available)) or "none"
    raise UnknownVersion(
        f"{name}: wanted version {pin}, found {there} in the repositories; set docker_version to one of these, or have "
        "the wanted one mirrored"
    )
