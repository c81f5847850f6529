# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image digests - what names an image's content, and whether an image is the expected one.

A registry's digest is that of the manifest. The id is the digest of the configuration, or with containerd's image store
that of the manifest, so one image can have two ids on two hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def registry_digests(image: Mapping[str, Any]) -> list[str]:
    """Return the digests that an inspected image has in registries, without the names before them."""
    return [str(entry).rpartition("@")[2] for entry in image.get("RepoDigests") or []]


def digests_of(image: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Return all that is known to name an image: its id, its digests in registries, those learnt on its way here."""
    return list(dict.fromkeys([str(image["Id"]), *registry_digests(image), *record.get("digests", ())]))


def is_expected(expected: str, known: Iterable[str]) -> bool:
    """Tell whether an image is the expected one; where nothing is expected, any is."""
    return not expected or expected in known


def mismatch(what: str, expected: str, known: Iterable[str]) -> str:
    """Return the message about an image that is another one."""
    return (
        f"expected {what} to be {expected}, found {', '.join(known)}. If that is the wanted image, correct digest; if "
        "not, somebody has changed the tag or the archive. Compare like with like: only an image that was pulled has a "
        "registry's digest, and an id is the same on all engines of one kind of image store"
    )
