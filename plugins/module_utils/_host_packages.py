# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host packages, what is installed and held back, by dpkg or rpm."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Iterable

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

_DPKG = ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\\t${Package}\\t${Version}\\n")
_RPM = ("rpm", "-qa", "--queryformat", "%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n")
_LOCKED = re.compile(r"^(?P<name>[\w.+*-]+?)-(?:\d+:)?[^-\s]+-[^-\s]+$")


def packages(reader: Reader, family: str, patterns: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the versions of the installed packages whose names match, and the names of all that are held back."""
    patterns = list(patterns)
    if family == "redhat":
        rows = [tuple(line.split("\t")) for line in (reader.output(*_RPM) or "").splitlines()]
        installed = {row[0]: row[1] for row in rows if len(row) == 2}
        held = locked_names(reader.text("/etc/dnf/plugins/versionlock.list") or "")
    else:
        installed, held = parse_dpkg(reader.output(*_DPKG) or "")
    wanted = {name: version for name, version in installed.items() if any(fnmatchcase(name, p) for p in patterns)}
    return dict(sorted(wanted.items())), held


def parse_dpkg(text: str) -> tuple[dict[str, str], list[str]]:
    """Return installed versions and held names from lines of status, name and version.

    The status is two letters, wish and state: "ii" is installed, "hi" installed and held, "rc" removed (dpkg-query(1)).
    """
    rows = [line.split("\t") for line in text.splitlines() if line.count("\t") == 2]
    installed = {name: version for status, name, version in rows if status[1:2] == "i"}
    return installed, sorted({name for status, name, _version in rows if status[:1] == "h"})


def locked_names(text: str) -> list[str]:
    """Return the names in a versionlock list of dnf, a package with its version a line, or a bare pattern."""
    names = set()
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry and not entry.startswith("!"):
            match = _LOCKED.match(entry)
            names.add(match.group("name") if match else entry)
    return sorted(names)
