# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: shared blobs - the store in which huggingface_hub 1.32 and newer keeps contents that models share.

`<cache>/blobs/<2 hex digits>/<hash>` holds a payload, to which blobs of models are relative links, and beside it
`<hash>.refs` names these links, and `<hash>.lock` is held while links come and payloads go. A payload goes with its
last link. One without a list of its links is left alone by huggingface_hub, as nothing else tells that it is unused;
here the whole cache is looked through before such a one goes.
Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import entries, repositories

_MARKER = ".huggingface-shared-blobs"
_VERSION = "1\n"
_HASH = re.compile(r"[0-9a-f]{64}")
_LOCK_SECONDS = 10.0
_LOCK_PAUSE = 0.05


@dataclass(frozen=True)
class SharedBlobs:
    """The store of one cache, which may have none."""

    cache_dir: Path

    @property
    def folder(self) -> Path:
        """Where the store lies, if there is one."""
        return self.cache_dir / "blobs"

    def is_there(self) -> bool:
        """Tell whether the folder bears the mark of a store of the known kind. Another is nobody's business here."""
        marker = self.folder / _MARKER
        try:
            return is_file(marker) and marker.read_text(encoding="utf-8") == _VERSION
        except (OSError, UnicodeError):
            return False

    def payload_of(self, blob: Path) -> Optional[Path]:
        """Return the payload to which a model's blob is a link, whether it is there or not; None for other blobs."""
        if not blob.is_symlink():
            return None
        target = Path(os.path.normpath(blob.parent / blob.readlink()))
        return target if self._is_payload(target) else None

    def payloads(self) -> list[Path]:
        """Return all payloads."""
        if not self.is_there():
            return []
        return sorted(path for path in self.folder.glob("*/*") if self._is_payload(path) and is_file(path))

    def links(self) -> dict[Path, set[Path]]:
        """Return all links in the cache, by the payloads that they lead to. Raises OSError where one cannot look."""
        found: dict[Path, set[Path]] = {}
        for blob in [blob for folder in repositories(self.cache_dir) for blob in entries(folder / "blobs")]:
            payload = self.payload_of(blob)
            if payload is not None:
                found.setdefault(payload, set()).add(blob)
        return found

    def listed_for(self, repository: str) -> list[Path]:
        """Return the payloads of which a list says that a repository, by its folder's name, has a link to them.

        Some may be gone: a removal that was killed can leave the list.
        """
        if not self.is_there():
            return []
        payloads = [path.with_suffix("") for path in sorted(self.folder.glob("*/*.refs"))]
        return [payload for payload in payloads if f"\n{repository}/blobs/" in f"\n{_listed(payload)}"]

    def sweep(self, payload: Path, unlisted: bool = False) -> int:
        """Remove a payload that no link leads to; return its size, 0 when it stays.

        `unlisted`: one without a readable list of its links too. Nothing is removed that cannot be locked.
        """
        if not self.is_there() or not self._is_payload(payload):
            return 0
        try:
            with _locked(payload.with_name(payload.name + ".lock")):
                if payload in self.links() or not (unlisted or _listed(payload)):
                    return 0
                size = payload.lstat().st_size if is_file(payload) else 0
                payload.unlink(missing_ok=True)
                _list_of(payload).unlink(missing_ok=True)
                return size
        except OSError:
            return 0

    def going_with(self, repository: str, blobs: Collection[Path]) -> set[Path]:
        """Return the payloads that a removal takes when these blobs, of a repository and of others, have gone."""
        payloads = {payload for blob in blobs if (payload := self.payload_of(blob))} | set(self.listed_for(repository))
        if not payloads or not self.is_there():
            return set()
        links = self.links()
        return {p for p in payloads if is_file(p) and _listed(p) and links.get(p, set()) <= set(blobs)}

    def _is_payload(self, path: Path) -> bool:
        name = path.name
        return path.parent.parent == self.folder and path.parent.name == name[:2] and bool(_HASH.fullmatch(name))


def is_file(path: Path) -> bool:
    """Tell whether a path is a file itself, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _list_of(payload: Path) -> Path:
    return payload.with_name(payload.name + ".refs")


def _listed(payload: Path) -> str:
    """Return the list of a payload's links, a line each; empty where it cannot be read."""
    try:
        return _list_of(payload).read_text(encoding="utf-8") if is_file(_list_of(payload)) else ""
    except (OSError, UnicodeError):
        return ""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a payload's lock, as huggingface_hub does. Raises OSError when that cannot be, or takes too long."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        # Other users of the cache must be able to hold the same lock.
        with suppress(OSError):
            os.fchmod(descriptor, 0o666)
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)
