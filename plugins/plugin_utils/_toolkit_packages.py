# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: toolkit packages - which version of the four packages is wanted, and what must be installed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_data import MINIMUM, PACKAGES

_VERSION = re.compile(r"(?:\d+:)?(?P<release>\d+(?:\.\d+)*)(?P<early>~?rc[.\d]*)?")


@dataclass(frozen=True)
class Packages:
    """What is installed, and what shall be. `install` holds whole versions, empty while they are not known."""

    installed: dict[str, str]
    keep: bool
    reason: str
    version: str = ""
    install: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def release(version: str) -> str:
    """Return the upstream release of a package's version: 1.18.0 of 1.18.0-1, 28.2.2 of 5:28.2.2-1~debian."""
    match = _VERSION.match(version)
    return match["release"] if match else ""


def numbers(version: str) -> tuple[int, ...]:
    """Return what versions are compared by; a release candidate comes before its release."""
    match = _VERSION.match(version)
    if match is None:
        return ()
    parts = [int(part) for part in match["release"].split(".")]
    return (*parts, *[0] * (4 - len(parts)), -1 if match["early"] else 0)


def at_least(version: str | None, minimum: str) -> bool:
    """Tell whether a version is known and is no older than another one."""
    return bool(version) and numbers(version or "") >= numbers(minimum)


def fits(version: str, wish: str) -> bool:
    """Tell whether a version is the wished one: 1.18.0-1 is 1.18.0-1, 1.18.0 and 1.18."""
    return version == wish or release(version) == wish or release(version).startswith(f"{wish}.")


def plan_packages(installed: Mapping[str, str], wish: str, versions: Mapping[str, Any] | None) -> Packages:
    """Return what to do about the packages.

    `installed` maps packages to versions. `wish` is a version, the beginning of one, or empty: what works is kept
    then, else the newest is taken. `versions` is what module package_versions returns, None before it was asked.
    """
    here = {name: str(installed[name]) for name in PACKAGES if installed.get(name)}
    reason = _reason_to_install(here, wish)
    if not reason:
        return Packages(here, True, "", version=release(here[PACKAGES[0]]))
    if versions is None:
        return Packages(here, False, reason, version=wish)
    common = _newest_common(versions, wish)
    if not common:
        return Packages(here, False, reason, version=wish, problem=_unavailable(versions, wish))
    return Packages(here, False, reason, version=release(common[0][1]), install=tuple(common))


def _reason_to_install(here: Mapping[str, str], wish: str) -> str:
    missing = [name for name in PACKAGES if name not in here]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if len({numbers(version) for version in here.values()}) > 1:
        return "different versions: " + ", ".join(f"{name} {here[name]}" for name in PACKAGES)
    version = here[PACKAGES[0]]
    if wish:
        return "" if fits(version, wish) else f"version {release(version)} instead of {wish}"
    return "" if at_least(version, MINIMUM) else f"version {release(version)} is older than {MINIMUM}"


def _newest_common(versions: Mapping[str, Any], wish: str) -> list[tuple[str, str]]:
    """Return packages and versions of the newest release that all four have, empty when there is none."""
    offers = [_offers(versions.get(name) or {}) for name in PACKAGES]
    found = [key for key in offers[0] if all(key in offer for offer in offers)]
    found = [key for key in found if fits(offers[0][key], wish)] if wish else found
    found = [key for key in found if wish or key >= numbers(MINIMUM)]
    if not found:
        return []
    newest = max(found)
    return [(name, offer[newest]) for name, offer in zip(PACKAGES, offers)]


def _offers(package: Mapping[str, Any]) -> dict[tuple[int, ...], str]:
    """Map comparable releases to whole versions; of several revisions the first named, the newest, counts."""
    available: Sequence[str] = package.get("available") or [package.get("candidate") or ""]
    return {numbers(version): version for version in reversed(available) if numbers(version)}


def _unavailable(versions: Mapping[str, Any], wish: str) -> str:
    offered = {
        name: sorted({release(text) for text in _offers(versions.get(name) or {}).values()}, key=numbers)
        for name in PACKAGES
    }
    text = "; ".join(f"{name}: {', '.join(offered[name]) or 'none'}" for name in PACKAGES)
    return f"no version {wish or f'>= {MINIMUM}'} that all four packages have ({text})"
