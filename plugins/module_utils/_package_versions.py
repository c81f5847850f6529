# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: package_versions - which versions of packages are installed, preferred and available, as apt or dnf say.

The parsers are pure; the commands change nothing. Sources: apt-cache(8), dnf(8), and what
apt 2.6 and 3.0 and dnf 4.14 print; dnf5 is followed by its manual, dnf5-repoquery(8).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._apt_index import Runner
from ansible_collections.gpt_oss.fleet.plugins.module_utils._rpm_version import newest_first

Versions = dict[str, dict[str, Any]]
Modules = dict[str, dict[str, Any]]

_WILDCARD = re.compile(r"[*?\[]")
_FIELDS = "%{name}|%{epoch}|%{version}|%{release}|%{arch}\\n"
_TABLE_LINE = re.compile(r"^ (?:\*\*\*|   ) (?P<version>\S+) -?\d+(?: \(phased.*)?$")
_STREAM_FLAG = re.compile(r"\[([dexia])\]")


class QueryError(RuntimeError):
    """The package manager could not answer; the text says why."""


def apt_versions(names: list[str], run: Runner) -> Versions:
    """Return what apt knows of packages, whose names may be patterns."""
    literal = [name for name in names if not _WILDCARD.search(name)]
    if len(literal) < len(names):
        known = _ask(["apt-cache", "pkgnames"], run).split()
        literal = expand(names, known)
    if not literal:
        return {}
    found = parse_policy(_ask(["apt-cache", "policy", *literal], run))
    # A name that only matches a pattern may be one that nothing provides: apt knows it from a dependency.
    return {name: found.get(name, nothing()) for name in literal if name in found or name in names}


def dnf_versions(names: list[str], run: Runner) -> Versions:
    """Return what rpm and dnf know of packages, whose names may be patterns."""
    installed = parse_rpms(_ask(["rpm", "-qa", "--qf", _FIELDS, *names], run))
    # All versions, as long as nothing limits them; dnf5 knows no --showduplicates here.
    query = ["dnf", "-q", "repoquery", "--available", f"--queryformat={_FIELDS}"]
    available = parse_rpms(_ask([*query, *names], run))
    literal = [name for name in names if not _WILDCARD.search(name)]
    return {
        name: {
            "installed": next(iter(installed.get(name, [])), None),
            "candidate": next(iter(available.get(name, [])), None),
            "available": available.get(name, []),
        }
        for name in sorted({*literal, *installed, *available})
    }


def dnf_modules(names: list[str], run: Runner) -> Modules:
    """Return the streams of the modules that are named like packages."""
    code, stdout, stderr = run(["dnf", "-q", "module", "list", *names])
    # dnf fails when none of the names is a module, and dnf5 of some systems knows no modules.
    if code != 0 and not re.search(r"No match|Unable to resolve|Unknown (argument|command)|No such command", stderr):
        raise QueryError(f"expected the module streams of {', '.join(names)}, found: {stderr.strip()}; repair dnf")
    return parse_modules(stdout)


def parse_policy(text: str) -> Versions:
    """Return the packages of the output of `apt-cache policy`."""
    found: Versions = {}
    entry, version, in_table = nothing(), "", False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            entry, in_table = nothing(), False
            found[line.rstrip(":")] = entry
        elif line.startswith("  Installed: "):
            entry["installed"] = _or_none(line)
        elif line.startswith("  Candidate: "):
            entry["candidate"] = _or_none(line)
        elif line.startswith("  Version table:"):
            in_table = True
        elif in_table:
            match = _TABLE_LINE.match(line)
            if match:
                version = match.group("version")
            # An origin line. What only dpkg knows of can no longer be had.
            elif not line.endswith("/var/lib/dpkg/status") and version not in entry["available"]:
                entry["available"].append(version)
    return found


def parse_rpms(text: str) -> dict[str, list[str]]:
    """Return versions, newest first, by name, from lines of name|epoch|version|release|architecture."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) == 5 and fields[4] != "src":
            name, epoch, version, release, _arch = fields
            prefix = "" if epoch in ("0", "(none)", "") else f"{epoch}:"
            found.setdefault(name, []).append(f"{prefix}{version}-{release}")
    return {name: newest_first(versions) for name, versions in found.items()}


def parse_modules(text: str) -> Modules:
    """Return the modules of the output of `dnf module list`: a table for each repository."""
    found: Modules = {}
    start = end = -1
    for line in text.splitlines():
        if re.match(r"Name\s+Stream\s+Profiles", line):
            start, end = line.index("Stream"), line.index("Profiles")
        elif not line.strip() or line.startswith("Hint:"):
            start = end = -1
        elif start > 0:
            name, cell = line[:start].strip(), line[start:end].strip()
            entry = found.setdefault(name, {"streams": [], "enabled": None, "default": None})
            stream, flags = cell.split()[0], _STREAM_FLAG.findall(cell)
            if stream not in entry["streams"]:
                entry["streams"].append(stream)
            entry["enabled"] = stream if "e" in flags else entry["enabled"]
            entry["default"] = stream if "d" in flags else entry["default"]
    return found


def expand(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the names, patterns replaced by the known names that match them; each once, sorted."""
    everything = list(known)
    found = set()
    for name in names:
        found.update(fnmatch.filter(everything, name) if _WILDCARD.search(name) else [name])
    return sorted(found)


def nothing() -> dict[str, Any]:
    """Return the entry of a package that nobody knows."""
    return {"installed": None, "candidate": None, "available": []}


def _or_none(line: str) -> Optional[str]:
    value = line.partition(": ")[2].strip()
    return None if value == "(none)" else value


def _ask(command: list[str], run: Runner) -> str:
    code, stdout, stderr = run(command)
    if code != 0:
        raise QueryError(
            f"expected an answer of `{' '.join(command[:4])}`, found: {(stderr or stdout).strip()}; "
            "repair the package manager's sources"
        )
    return stdout
