# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: recipe versions - which vLLM an entry gets: as told by the entry, its image's tag, or the image itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version, version_of_image


@dataclass(frozen=True)
class Told:
    """The version that an entry gets, and what is wrong with it. `pending`: only the image itself can tell it."""

    version: Version | None
    problem: str | None = None
    pending: bool = False


def told_version(
    options: Mapping[str, Any], image: str, tags: Mapping[str, str], read: Mapping[str, Any], builds: Collection[str]
) -> Told:
    """Return the version of an entry that runs `image`.

    `tags` holds the versions that tags which are no numbers stand for, and those that builds stand for which call
    themselves otherwise; `read` what was read from images, by their references; `builds` are the builds that have
    options of their own. What was read wins, and must not contradict what was told.
    """
    told = Version.parse(options["vllm_version"]) if "vllm_version" in options else version_of_image(image, tags)
    if told is None and "vllm_version" in options:
        return Told(None, f"vllm_version must be a version such as 0.33.0; found {options['vllm_version']!r}")
    held = _held(str(read.get(image) or ""), tags)
    if held is None:
        missing = f"the version of vLLM in image {image} cannot be told from its tag; set vllm_version, such as 0.33.0"
        return Told(told, None if told else missing, pending=told is None)
    if told is not None and told.build in builds and ".dev" in held.text:
        # A build of its own that was made between two releases: its version says nothing of its options.
        return Told(told)
    if told is not None and not _same(told, held, builds):
        return Told(held, _contradiction(options, image, told, held))
    return Told(held)


def _held(text: str, tags: Mapping[str, str]) -> Version | None:
    """Return the version that an image's own stands for."""
    for name, version in tags.items():
        if Version.parse(name) and text.startswith(name):
            return Version.parse(str(version))
    return Version.parse(text)


def _same(one: Version, other: Version, builds: Collection[str]) -> bool:
    """Compare releases; of local parts such as +cu129 only those count that have options of their own."""
    own = [version.build if version.build in builds else None for version in (one, other)]
    return own[0] == own[1] and _stripped(one.release) == _stripped(other.release)


def _stripped(release: tuple[int, ...]) -> tuple[int, ...]:
    while release and release[-1] == 0:
        release = release[:-1]
    return release


def _contradiction(options: Mapping[str, Any], image: str, told: Version, held: Version) -> str:
    source = "vllm_version" if "vllm_version" in options else "its tag"
    remedy = f"set vllm_version: {held.text}, or use an image that holds {told.text}"
    return f"image {image} holds vLLM {held.text}, but {source} says {told.text}; {remedy}"
