# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model swarm - a verified snapshot as the content of a swarm, and back.

The content is `manifest.json`, which lists files and hashes, and `blobs/`, hard links to those of the cache: they cost
no space, and what is shared is what was verified. Its bytes depend on the snapshot alone.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _model_stamp,
    _swarm_folder,
    _swarm_peers,
    _swarm_share,
    _text_files,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Stamp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError

_MANIFEST, _BLOBS = "manifest.json", "blobs"
# Seconds without a first byte, and without a further one.
_FIRST_BYTE, _PROGRESS = 60.0, 120.0


def swarm_folder(model_folder: Path, commit: str) -> Path:
    """Return the folder of a snapshot's swarm. Hosts that share a cache do not share this."""
    return _model_stamp.folder_of(model_folder) / f"swarm-{os.uname().nodename}-{commit}"


def stage(model_folder: Path, stamp: Stamp) -> tuple[Path, str]:
    """Lay out a verified snapshot for its swarm; return the swarm's folder and the manifest's sha256.

    Raises SwarmError.
    """
    folder = swarm_folder(model_folder, stamp.commit)
    content = _swarm_folder.content_of(folder)
    blobs = {held.blob: model_folder / _BLOBS / held.blob for held in stamp.files.values()}
    manifest = _model_stamp.manifest(stamp)
    try:
        _clear(content, {content / _MANIFEST, *(content / _BLOBS / blob for blob in blobs)})
        _link(content, blobs)
        # The hashes of pieces stand while no file's time has changed.
        if _text_files.read(str(content / _MANIFEST)) != manifest.decode():
            _text_files.put(str(content / _MANIFEST), manifest)
    except OSError as exc:
        raise SwarmError(f"cannot lay out {stamp.repo_id} in {folder}: {exc}; make it writable", "disk") from exc
    return folder, hashlib.sha256(manifest).hexdigest()


def receive(
    model_folder: Path,
    repo_id: str,
    commit: str,
    peers: Mapping[str, Any],
    here: Mapping[str, Path],
    tell: Callable[[dict[str, Any]], None],
) -> Path:
    """Fetch a snapshot from peers, all but the blobs that are here; return the folder with its manifest and blobs.

    `peers` is hf_model's option, with rates in bytes a second; `here` leads to verified blobs, by their names. What
    came is what the manifest's sha256 and the pieces' hashes say; the blobs have still to be compared with the Hub's.
    The process goes on sharing: who takes blobs links them, and leaves these where they are. `tell` is told of
    bytes_done, bytes_total, rate, eta_s and trouble. Raises SwarmError.
    """
    folder = swarm_folder(model_folder, commit)
    content = _swarm_folder.content_of(folder)
    if _swarm_share.running(folder) is None:
        try:
            _part(content, here)
            _link(content, here)
        except OSError as exc:
            raise SwarmError(f"cannot write to {folder}: {exc}; make it writable", "disk") from exc
    _start(folder, _wish_of(peers))
    _swarm_share.follow(
        folder,
        lambda status: tell(_progress(status)),
        float(peers.get("first_byte_timeout", _FIRST_BYTE)),
        float(peers.get("progress_timeout", _PROGRESS)),
    )
    found = hashlib.sha256((content / _MANIFEST).read_bytes()).hexdigest()
    if found != peers["manifest_sha256"]:
        expected = peers["manifest_sha256"]
        raise SwarmError(f"expected a manifest of {repo_id} with sha256 {expected}, the peers have {found}")
    return content


def _start(folder: Path, wish: Wish) -> None:
    try:
        _swarm_share.start(folder, wish)
    except SwarmError as exc:
        if exc.cause != "port" or not wish.port:
            raise
        # Others will not find this host at the port that they were told of, but it finds them.
        _swarm_share.start(folder, replace(wish, port=0))


def _wish_of(peers: Mapping[str, Any]) -> Wish:
    names = ("bind_address", "port", "upload_rate", "download_rate", "idle_timeout")
    given = {name: peers[name] for name in names if peers.get(name) is not None}
    return Wish(info_hash=str(peers["info_hash"]), peers=tuple(peers["addresses"]), **given)


def _progress(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a swarm's status in the words of a model's progress."""
    done, total, rate = (int(status.get(name) or 0) for name in ("done_bytes", "total_bytes", "rate"))
    told: dict[str, Any] = {"bytes_done": done, "bytes_total": total, "rate": rate}
    if rate and total:
        told["eta_s"] = round((total - done) / rate)
    errors = {peer: said for peer, said in (status.get("tried") or {}).items() if said}
    if errors and not status.get("connected"):
        told["trouble"] = _swarm_peers.told(errors)
    return told


def _link(content: Path, blobs: Mapping[str, Path]) -> None:
    (content / _BLOBS).mkdir(parents=True, exist_ok=True)
    for name, blob in sorted(blobs.items()):
        # A blob may be a link into a store that models share.
        source, target = blob.resolve(), content / _BLOBS / name
        if target.exists() and target.samefile(source):
            continue
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            raise OSError(exc.errno, f"{source} lies on another filesystem than {content}") from exc


def _part(content: Path, verified: Container[str]) -> None:
    """Let go of the cache's blobs that were not found right: what is mended here is written to in place."""
    for path in (content / _BLOBS).glob("*"):
        if path.name not in verified and path.stat().st_nlink > 1:
            path.unlink()


def _clear(content: Path, wanted: set[Path]) -> None:
    """Remove what another layout, or a broken run, has left."""
    for path in content.rglob("*"):
        if path not in wanted and not path.is_dir():
            path.unlink()
