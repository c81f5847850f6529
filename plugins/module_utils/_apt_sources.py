# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: apt_sources - the sources files of a host, and which of them names a given repository.

Formats: sources.list(5), both the one-line and the deb822 style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIST = "/etc/apt/sources.list"
PARTS = "/etc/apt/sources.list.d"


@dataclass(frozen=True)
class Source:
    """One repository as one file names it."""

    path: str
    uri: str
    suite: str
    signed_by: str


def parse(path: str, text: str) -> list[Source]:
    """Return the enabled repositories of a sources file."""
    entries = _deb822(text) if path.endswith(".sources") else _one_line(text)
    return [Source(path, uri.rstrip("/"), suite, signed_by) for uri, suite, signed_by in entries]


def others(path: str, ignored: set[str]) -> list[Source]:
    """Return what all sources files but `path` and the ignored ones name."""
    files = [Path(LIST), *sorted(Path(PARTS).glob("*.list")), *sorted(Path(PARTS).glob("*.sources"))]
    wanted = [file for file in files if str(file) not in {path, *ignored} and file.is_file()]
    return [source for file in wanted for source in parse(str(file), file.read_text("utf-8", "replace"))]


def clashes(sources: list[Source], uri: str, suite: str, signed_by: str) -> list[Source]:
    """Return those that name the same repository with another key: with two of them apt reads no source at all."""
    same = [source for source in sources if (source.uri, source.suite) == (uri.rstrip("/"), suite)]
    return [source for source in same if source.signed_by != signed_by]


def _one_line(text: str) -> Iterator[tuple[str, str, str]]:
    pattern = re.compile(r"deb(?:-src)?\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")
    for line in text.splitlines():
        match = pattern.match(line.partition("#")[0].strip())
        if match:
            signed_by = re.search(r"signed-by=(\S+)", match.group("options") or "", re.IGNORECASE)
            yield match.group("uri"), match.group("suite"), signed_by.group(1) if signed_by else ""


def _deb822(text: str) -> Iterator[tuple[str, str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        pairs = re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE)
        fields = {key.lower(): value.strip() for key, value in pairs}
        if fields.get("enabled", "yes").lower() in ("no", "false", "without", "off", "disable", "0"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite, fields.get("signed-by", "")
