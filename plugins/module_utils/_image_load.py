# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image load - brings an image from an archive or a peer. What is not the expected one bears no name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_archive import Content, Scanner, contents, plain
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_bringing import Bringing, ImageError, refusal, there
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import digests_of, is_expected, mismatch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_names import ImageNames
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_peer import Offer, offer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import familiar
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_space import no_room

_READ_SIZE = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be read to its end."""


def from_archive(bringing: Bringing) -> str:
    """Load an archive of `docker save`; return the image's name. Raises ImageError and EngineError."""
    path, engine, reference = bringing.parameters["archive"], bringing.engine, bringing.reference
    try:
        _make_sure_of_room(bringing, Path(path).stat().st_size)
    except OSError as exc:
        raise ImageError(f"expected an archive of docker save at {path} on this host: {exc}") from exc
    names = ImageNames(engine)
    found = _load(bringing, _read(path, bringing), f"the archive {path}")
    loaded = bringing.progress.loaded
    tagged = [name for name in loaded if not _is_id(name)]
    chosen = _chosen(bringing, found)
    if chosen is None:
        names.put_back(loaded)
        raise ImageError(
            f"expected the image {bringing.expected or reference.tagged} in the archive {path}, it holds "
            f"{_described(loaded, found)}. Nothing of it was kept",
            cause="the archive holds another image",
            remedy="correct archive or image; with digest, an image of another name is taken",
        )
    image = there(engine, chosen)
    bringing.digests = _known_as(found, chosen, image)
    bringing.check(f"the image {chosen} of the archive {path}", image, names, tagged)
    # Other images may come along, but none may take its name from one that was there.
    others = [name for name in tagged if familiar(name) != familiar(reference.tagged)]
    names.put_back(names.moved(others), unwanted=False)
    engine.tag(str(image["Id"]), reference.name, reference.tag)
    return reference.tagged


def from_peer(bringing: Bringing) -> str:
    """Fetch from a host that shares the image; return the image's name. Raises ImageError, PeerError, EngineError."""
    parameters = bringing.parameters
    with offer(parameters["peer"], parameters["peer_token"] or "", parameters["peer_timeout"]) as offered:
        return _take(bringing, offered, f"the image that {parameters['peer']} shares")


def _take(bringing: Bringing, offered: Offer, what: str) -> str:
    engine, reference = bringing.engine, bringing.reference
    told = [offered.image_id, *offered.digests]
    if not is_expected(bringing.expected, told):
        raise ImageError(mismatch(what, bringing.expected, told) + ". Nothing was transferred")
    _make_sure_of_room(bringing, offered.size)
    names = ImageNames(engine)
    found = _load(bringing, _counted(offered.chunks, bringing), what)
    loaded = bringing.progress.loaded
    if len(loaded) != 1:
        names.put_back(loaded)
        raise ImageError(f"expected {what}, the engine loaded {' '.join(loaded) or 'nothing'}; nothing of it was kept")
    image = there(engine, loaded[0])
    known = _known_as(found, loaded[0], image)
    if offered.image_id not in (image["Id"], *known):
        names.put_back(loaded)
        raise ImageError(mismatch(what, offered.image_id, [str(image["Id"]), *sorted(known)]) + ". It is gone again")
    # What it is was compared. What it is called elsewhere is the peer's word.
    bringing.digests = known | {offered.image_id, *offered.digests}
    engine.tag(str(image["Id"]), reference.name, reference.tag)
    return reference.tagged


def _make_sure_of_room(bringing: Bringing, size: int) -> None:
    bringing.progress.to_send = size
    engine = bringing.engine
    problem = no_room(size, engine.info(), engine.docker_host, Reader(lambda _argv: (127, "", "")))
    if problem:
        raise ImageError(problem, cause="the engine's disk has too little room", remedy="make room (docker system df)")


def _load(bringing: Bringing, chunks: Iterator[bytes], what: str) -> list[Content]:
    """Give bytes to the engine; return what was seen in them. Raises ImageError and PeerError."""
    scanner = Scanner()

    def scanned() -> Iterator[bytes]:
        for chunk in filter(None, chunks):  # an empty chunk would end the body
            scanner.feed(chunk)
            yield chunk

    try:
        for line in bringing.engine.loading(scanned()):
            bringing.reporter.feed(line)
    except ArchiveError as exc:
        raise ImageError(f"expected {what} to be whole: {exc}; nothing was loaded. Copy it anew") from exc
    except EngineError as exc:
        raise refusal(f"expected to load {what}, whole and made by docker save", exc) from exc
    return contents(scanner.files)


def _read(path: str, bringing: Bringing) -> Iterator[bytes]:
    """Yield an archive's bytes, unpacked. Raises ArchiveError: an OSError would pass for the engine's connection."""
    try:
        with open(path, "rb") as file:
            yield from plain(_counted(iter(lambda: file.read(_READ_SIZE), b""), bringing))
    except (OSError, EOFError, zlib.error) as exc:
        raise ArchiveError(str(exc)) from exc


def _counted(chunks: Iterator[bytes], bringing: Bringing) -> Iterator[bytes]:
    for chunk in chunks:
        bringing.reporter.sent(len(chunk))
        yield chunk


def _chosen(bringing: Bringing, found: list[Content]) -> Optional[str]:
    """Return the name or id of the loaded image that is the wanted one: by its name, or by the expected digest."""
    loaded = bringing.progress.loaded
    wanted = familiar(bringing.reference.tagged)
    for name in loaded:
        if not _is_id(name) and familiar(name) == wanted:
            return name
    for name in loaded if bringing.expected else []:
        image = there(bringing.engine, name)
        if bringing.expected in digests_of(image, {"digests": _known_as(found, name, image)}):
            return name
    return None


def _known_as(found: list[Content], loaded: str, image: Mapping[str, Any]) -> frozenset[str]:
    """Return the digests by which the archive names a loaded image."""
    for content in found:
        if image["Id"] in content.digests or loaded in content.tags or len(found) == 1:
            return content.digests
    return frozenset()


def _is_id(loaded: str) -> bool:
    return loaded.startswith("sha256:")


def _described(loaded: list[str], found: list[Content]) -> str:
    shown = [f"{' '.join(content.tags) or 'an image without a name'} ({content.config_digest})" for content in found]
    return "; ".join(shown or loaded) or "no image"
