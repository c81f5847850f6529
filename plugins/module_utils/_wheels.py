# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: wheels - which wheels of pinned requirements another Python needs. The only importer of packaging."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

IMPORT_ERROR: Optional[str] = None
try:
    from packaging.markers import Marker
    from packaging.tags import Tag, compatible_tags, cpython_tags
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

# The oldest C library among the hosts: RHEL 9 has glibc 2.34, Ubuntu 22.04 2.35, Debian 12 2.36.
GLIBC_MINOR = 34
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*==\s*(?P<version>[^\s;]+)\s*(?:;\s*(?P<marker>.+))?")
_HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})")


class WheelError(Exception):
    """The requirements cannot be met by wheels. The text says what was wanted, what was found, and what to do."""


@dataclass(frozen=True)
class Pinned:
    """One requirement of a lock: normalised name, version, environment marker (empty: always), sha256 of its files."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Target:
    """A CPython, such as 3.12, on Linux with glibc, on a machine such as x86_64."""

    python: str
    machine: str

    def __str__(self) -> str:
        return f"CPython {self.python} on {self.machine}"

    @property
    def platforms(self) -> list[str]:
        """Return the platforms whose wheels it takes, the newest first."""
        return [
            *(f"manylinux_2_{minor}_{self.machine}" for minor in range(GLIBC_MINOR, 4, -1)),
            f"manylinux2014_{self.machine}",
            f"linux_{self.machine}",
        ]

    def wants(self, pinned: Pinned) -> bool:
        """Tell whether a requirement's marker holds there."""
        return not pinned.marker or Marker(pinned.marker).evaluate(self._environment())

    def tags(self) -> frozenset[Tag]:
        """Return the tags of the wheels that it takes."""
        version = tuple(int(part) for part in self.python.split("."))
        interpreter = "cp" + "".join(self.python.split("."))
        return frozenset(
            [
                *cpython_tags(version, platforms=self.platforms),
                *compatible_tags(version, interpreter, self.platforms),
            ]
        )

    def _environment(self) -> dict[str, str]:
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "platform_release": "",
            "platform_version": "",
            "sys_platform": "linux",
            "os_name": "posix",
            "extra": "",
        }


def read_lock(text: str) -> list[Pinned]:
    """Return the requirements of a lock, `name==version ; marker --hash=sha256:…`. Raises WheelError otherwise."""
    found = []
    joined = re.sub(r"\\\r?\n", " ", text)
    for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()):
        if not line:
            continue
        hashes = frozenset(_HASH.findall(line))
        match = _PINNED.fullmatch(_HASH.sub("", line).strip())
        if not match:
            raise WheelError(f"expected requirements pinned as name==version, found: {line[:120]}; pin it")
        marker = (match["marker"] or "").strip()
        found.append(Pinned(canonicalize_name(match["name"]), match["version"], marker, hashes))
    return found


def fits(file_name: str, pinned: Pinned, tags: frozenset[Tag]) -> bool:
    """Tell whether a file is a wheel of a requirement, for a Python that takes these tags."""
    try:
        name, version, _build, its_tags = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return False
    return name == pinned.name and str(version) == pinned.version and not tags.isdisjoint(its_tags)


def missing(lock: Iterable[Pinned], target: Target, file_names: Iterable[str]) -> list[Pinned]:
    """Return the requirements that a target has and that none of the files meets."""
    names, tags = list(file_names), target.tags()
    return [pin for pin in lock if target.wants(pin) and not any(fits(name, pin, tags) for name in names)]
