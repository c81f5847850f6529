# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm folder - what a swarm keeps on a host beside its content: its metainfo, and of which files it is.

Hashing tens of gigabytes takes a minute, so it is not done again while sizes and times are as they were.
Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_metainfo import (
    CONTENT,
    Metainfo,
    Part,
    decoded,
    make,
    parts_of,
)

_METAINFO, _FILES, _PEERS = "metainfo", "metainfo.json", "peers.json"


def content_of(folder: Path) -> Path:
    """Return where the content of a swarm lies."""
    return folder / CONTENT


def hold(folder: Path, workers: int, hash_content: Callable[..., Metainfo] = make) -> Metainfo:
    """Return the metainfo of a content that is here, hashing it only when it is not known. Raises ContentError."""
    content = content_of(folder)
    parts = parts_of(content)
    known = _known(folder, parts)
    if known is not None:
        return known
    metainfo = hash_content(content, parts, workers)
    keep(folder, metainfo)
    sign(folder, metainfo.info_hash, parts)
    return metainfo


def keep(folder: Path, metainfo: Metainfo) -> None:
    """Keep a metainfo, with nothing said about whether the content is here."""
    (folder / _FILES).unlink(missing_ok=True)
    _text_files.put(str(folder / _METAINFO), metainfo.encoded)


def kept(folder: Path, info_hash: str) -> Optional[Metainfo]:
    """Return the metainfo that was kept when it is of this content; else None."""
    try:
        metainfo = decoded((folder / _METAINFO).read_bytes())
    except (OSError, ValueError):
        return None
    return metainfo if metainfo.info_hash == info_hash else None


def sign(folder: Path, info_hash: str, parts: Sequence[Part]) -> None:
    """Say that these files are what the kept metainfo describes."""
    document = {"info_hash": info_hash, "files": [list(astuple(part)) for part in parts]}
    _text_files.put(str(folder / _FILES), json.dumps(document))


def write_peers(folder: Path, peers: Sequence[str]) -> None:
    """Leave word of whom to ask, for a process that may run already."""
    _text_files.put(str(folder / _PEERS), json.dumps(list(peers)))


def read_peers(folder: Path) -> tuple[str, ...]:
    """Return whom to ask."""
    found = _read_json(folder / _PEERS)
    return tuple(str(peer) for peer in found) if isinstance(found, list) else ()


def forget_peers(folder: Path) -> None:
    """Remove the word of whom to ask."""
    (folder / _PEERS).unlink(missing_ok=True)


def _known(folder: Path, parts: Sequence[Part]) -> Optional[Metainfo]:
    signed = _read_json(folder / _FILES)
    if not isinstance(signed, dict) or signed.get("files") != [list(astuple(part)) for part in parts]:
        return None
    return kept(folder, str(signed.get("info_hash")))


def _read_json(path: Path) -> Any:
    try:
        return _json_text.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
