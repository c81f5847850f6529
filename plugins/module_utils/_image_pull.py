# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image pull - brings an image from its registry or a mirror. What is not the expected one bears no name."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_bringing import Bringing, ImageError, refusal, there
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import mismatch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_names import ImageNames
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import Reference, mirrored


def from_registry(bringing: Bringing) -> str:
    """Pull; return the name under which the engine finds the image. Raises ImageError and EngineError."""
    engine, reference, mirror = bringing.engine, bringing.reference, bringing.parameters["mirror"]
    place = mirrored(reference, mirror) if mirror else reference
    source = _pinned(bringing, place)
    names = ImageNames(engine)
    try:
        for line in engine.pulling(source.text):
            bringing.reporter.feed(line)
            bringing.hurry()
        image = there(engine, source.text)
    except EngineError as exc:
        raise refusal(f"expected to pull the image {source.text}", exc) from exc
    bringing.check(f"the image {place.text}", image, names, [] if source.digest else [source.tagged])
    if source == reference:
        return reference.text
    if not reference.tag:
        return source.text
    engine.tag(str(image["Id"]), reference.name, reference.tag)
    # A tag and a digest together are only found where they were pulled from.
    return reference.text if engine.image(reference.text) else reference.tagged


def _pinned(bringing: Bringing, place: Reference) -> Reference:
    """Return what to pull: where a digest is expected, what the tag is now, by its digest, so that no name moves yet.

    Raises ImageError where the registry has the expected image, but not under this tag any more.
    """
    engine, expected = bringing.engine, bringing.expected
    if not expected or place.digest:
        return place
    try:
        digest = engine.registry_digest(place.text)
    except EngineError:
        return place  # the pull tells why
    if digest != expected and _has(bringing, replace(place, tag="", digest=expected)):
        raise ImageError(
            mismatch(f"the image {place.text}", expected, [digest]) + ". Nothing was pulled",
            cause="the tag stands for another image in the registry now",
            remedy=f"correct digest, or ask for {place.name}@{expected}",
        )
    return replace(place, tag="", digest=digest)


def _has(bringing: Bringing, place: Reference) -> bool:
    """Tell whether the registry has this digest. One that it has not may be an image's id."""
    try:
        return bool(bringing.engine.registry_digest(place.text))
    except EngineError:
        return False
