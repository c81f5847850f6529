# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: vLLM versions - which one an image holds, and whether something is alive in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_VERSION = re.compile(r"v?(?P<release>\d+\.\d+\.\d+(?:\.\d+)*)(?P<rest>[^+]*)(?:\+(?P<build>[A-Za-z0-9.]+))?")


@dataclass(frozen=True)
class Version:
    """A vLLM version: its release number, and the name of a build that has options of its own."""

    text: str
    release: tuple[int, ...]
    build: str | None = None

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read "0.33.0", "v0.10.1.1", "0.11.0.post2", "0.33.0-cu129" or "0.10.1+gptoss"; None for anything else."""
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            return None
        return cls(text.strip().removeprefix("v"), _numbers(match["release"]), match["build"])


def alive(version: Version, lifetime: Mapping[str, Any]) -> bool:
    """Tell whether a thing of this lifetime exists in a version.

    `lifetime` has "builds" (names of builds in which it lives), and "since" (included) and "before" (excluded) for
    release versions. With builds alone it lives in no release.
    """
    builds = lifetime.get("builds") or []
    if version.build in builds:
        return True
    if builds and not (lifetime.get("since") or lifetime.get("before")):
        return False
    since, before = lifetime.get("since"), lifetime.get("before")
    if since and version.release < _numbers(str(since)):
        return False
    return not (before and version.release >= _numbers(str(before)))


def version_of_image(image: str, tags: Mapping[str, str]) -> Version | None:
    """Return the version that an image's tag tells, None when it tells none. `tags` holds tags that are no numbers."""
    tag = tag_of(image)
    return Version.parse(str(tags.get(tag, tag)))


def tag_of(image: str) -> str:
    """Return an image's tag; "latest" when it has none, "" when it is named by digest alone."""
    name, _unused, digest = image.partition("@")
    last = name.rpartition("/")[2]
    if ":" in last:
        return last.partition(":")[2]
    return "" if digest else "latest"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
