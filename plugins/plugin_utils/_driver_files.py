# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: driver files, the small files on a host that keep driver, fabric manager and kernel as they are.

Everything here is pure. None of them needs a `systemctl daemon-reload`: they matter at the next boot, the next start of
a module or the next unattended upgrade, and a reload would take the GPUs from running containers (NVIDIA Container
Toolkit, troubleshooting).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_state import State

LOADED_AT_BOOT = "/etc/modules-load.d/ib_umad.conf"
BLACKLIST = "/etc/modprobe.d/gpt-oss-nouveau.conf"
DOCKER_AFTER_FABRIC = "/etc/systemd/system/docker.service.d/10-gpt-oss-fabric.conf"
PREFERENCES = "/etc/apt/preferences.d/gpt-oss-nvidia-driver"
UNATTENDED = "/etc/apt/apt.conf.d/52gpt-oss-nvidia-driver"
DNF_AUTOMATIC = "/etc/dnf/automatic.conf"
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"

_HEADER = "Written by the role gpt_oss.fleet.nvidia_driver."
# All that is released together with the driver. A version pin does nothing to packages that have no such version.
_PINNED = (
    "nvidia-*",
    "libnvidia-*",
    "cuda-drivers*",
    "libcuda1",
    "libcudadebugger1",
    "libnvcuvid1",
    "libnvoptix1",
    "xserver-xorg-video-nvidia*",
)
# Regular expressions, matched from the start of a package's name.
_UNTOUCHED = (
    "nvidia-",
    "libnvidia-",
    "cuda-drivers",
    "nvlsm",
    "linux-image",
    "linux-headers",
    "linux-modules",
    "linux-generic",
)
_DNF_EXCLUDE = "excludepkgs = kernel* *nvidia* nvlsm"


def differing(
    host: Mapping[str, Any], state: State, nouveau: bool, release: str, keep_from_upgrades: bool
) -> list[dict[str, Any]]:
    """Return the files that are not as they shall be, with path and content.

    `release` is the driver's, empty where it is not known yet, or came in no package.
    """
    wanted = dict(_wanted(host, state, nouveau, release, keep_from_upgrades))
    there = host["files"]
    return [{"path": path, "content": text} for path, text in wanted.items() if there.get(path) != text]


def automatic_line(host: Mapping[str, Any], keep_from_upgrades: bool) -> str:
    """Return the line that /etc/dnf/automatic.conf lacks in its section [base], empty when there is none to add."""
    text = host["files"].get(DNF_AUTOMATIC)
    if not keep_from_upgrades or text is None or _DNF_EXCLUDE in text.splitlines():
        return ""
    return _DNF_EXCLUDE


def _wanted(
    host: Mapping[str, Any], state: State, nouveau: bool, release: str, keep_from_upgrades: bool
) -> Iterator[tuple[str, str]]:
    if state.fabric == "nvlink5":
        yield LOADED_AT_BOOT, "ib_umad\n"
    if state.fabric != "none":
        yield DOCKER_AFTER_FABRIC, f"# {_HEADER}\n[Unit]\nAfter=nvidia-fabricmanager.service\n"
    if nouveau or host["files"].get(BLACKLIST) is not None:
        yield BLACKLIST, f"# {_HEADER}\nblacklist nouveau\noptions nouveau modeset=0\n"
    if state.family == "debian" and release:
        yield PREFERENCES, _preferences(release)
    if state.family == "debian" and keep_from_upgrades:
        entries = "".join(f'    "{name}";\n' for name in _UNTOUCHED)
        yield UNATTENDED, f"// {_HEADER}\nUnattended-Upgrade::Package-Blacklist {{\n{entries}}};\n"


def _preferences(release: str) -> str:
    """Return the pin of all that belongs to a release.

    A pinning package keeps to a branch, in which a newer library would no more fit the driver that is loaded. Where
    both are there, the first record that matches counts (apt_preferences(5)): this file's name sorts before theirs.
    """
    return (
        f"# {_HEADER}\n# Driver, libraries and fabric manager stay at one version.\n"
        f"Package: {' '.join(_PINNED)}\nPin: version {release}*\nPin-Priority: 1001\n"
    )
