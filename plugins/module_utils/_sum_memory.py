# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: sum_memory - the sha256 of large files, remembered with what changes when they do."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text, _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel

_BLOCK = 1 << 20


class SumMemory:
    """Checksums in a file. Processes that want the same ones at a time wait for the one that reads."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def sums(
        self, parcel: Parcel, names: Iterable[str], tell: Optional[Callable[[str], None]] = None
    ) -> dict[str, str]:
        """Return the sha256 of files of a parcel; those that are not remembered are read."""
        wanted = {name: parcel.state(name) for name in names}
        with self._locked():
            memory = self._read()
            for name, state in wanted.items():
                if _key(state) not in memory:
                    if tell:
                        tell(name)
                    memory[_key(state)] = sha256_in(parcel, name)
            if memory != self._read():
                _text_files.put(str(self._path), json.dumps(memory, indent=0, sort_keys=True))
        return {name: memory[_key(state)] for name, state in wanted.items()}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, Any]:
        try:
            memory = _json_text.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return memory if isinstance(memory, dict) else {}


def sha256_in(parcel: Parcel, name: str) -> str:
    """Return the sha256 of a file of a parcel, read now."""
    digest = hashlib.sha256()
    with parcel.open(name) as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def _key(state: list[Union[int, str]]) -> str:
    return "\0".join(map(str, state))
