# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: data cache, the folder of downloaded data files: each is checked before it counts, and its origin is kept.

Beside a file lies its record, ``NAME.origin.json``: from which address it came, when (UTC), its sha256 and size. A
file that somebody put there has none; it is taken when it can be read as its task's.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, Callable, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._data_files import DataError, WantedFile, is_address
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError, data_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS

# An address -> its content as a stream, with the length that was announced, where it was.
Opener = Callable[[str], tuple[BinaryIO, Optional[int]]]

_BLOCK = 1 << 20


class FoundFile(NamedTuple):
    """A data file. ``sha256`` and ``size`` (bytes) are None where it is still to be fetched."""

    path: str
    origin: str
    sha256: Optional[str]
    size: Optional[int]
    fetched: Optional[str] = None  # when, in UTC, where that is known
    fresh: bool = False  # whether this run fetched it


def obtain(wanted: WantedFile, cache: Path, opener: Opener, check_mode: bool = False) -> FoundFile:
    """Return the file from the first of its places that has it whole; DataError tells what is wrong with each."""
    kept = cache / wanted.name
    trouble = []
    for place in wanted.places:
        try:
            if not is_address(place):
                # Absolute, as who takes it from here may look for a relative one elsewhere.
                path = Path(place).expanduser().absolute()
                return _checked(wanted, path, str(path))
            found, why = _look(wanted, kept)
            if found is not None:
                return found
            trouble += [f"{kept} does not count: {why}"] if why else []
            if check_mode:
                return FoundFile(str(kept), place, None, None, fresh=True)
            return _fetch(wanted, place, kept, opener)
        except (OSError, http.client.HTTPException, DatasetError, DataError) as exc:
            trouble.append(f"{place}: {exc}")
    raise DataError(
        f"wanted the data file {wanted.name} of the task {wanted.task}, found it nowhere: "
        f"{'; '.join(dict.fromkeys(trouble))}. Give the task files that are there, or from a mirror, or put the file "
        f"into {cache}"
    )


def _look(wanted: WantedFile, kept: Path) -> tuple[Optional[FoundFile], str]:
    """Return what the cache has, if that counts, and otherwise why it does not; no reason where there is no file."""
    if not kept.is_file():
        return None, ""
    record = _read_record(kept)
    try:
        found = _checked(wanted, kept, record.get("address") or str(kept))
    except (DatasetError, DataError) as exc:
        return None, str(exc)
    if wanted.sha256 is None and record:
        if record.get("sha256") != found.sha256:
            return None, f"its sha256 is {found.sha256}, not {record.get('sha256')} as when it came"
        if record.get("address") not in wanted.places:
            return None, f"it came from {record.get('address')}"
    return found._replace(fetched=record.get("fetched")), ""


def _checked(wanted: WantedFile, path: Path, origin: str) -> FoundFile:
    """Read a file as its task does; DataError or DatasetError where it is not what is wanted."""
    digest = data_sha256([str(path)])
    if wanted.sha256 is not None and digest != wanted.sha256:
        raise DataError(f"its sha256 is {digest}, wanted {wanted.sha256}")
    TASKS[wanted.task].read([str(path)])
    return FoundFile(str(path), origin, digest, path.stat().st_size)


def _fetch(wanted: WantedFile, address: str, kept: Path, opener: Opener) -> FoundFile:
    """Fetch a file into the cache; what is there stays until the new one was found good."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{kept.name}.", dir=kept.parent)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _copy(address, file, opener)
        try:
            found = _checked(wanted, fresh, address)
        except DatasetError as exc:
            raise DataError(str(exc).replace(name, wanted.name)) from exc
        fetched = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fresh.chmod(0o644)
        # The record goes first: a file without its own would be taken for one that somebody put there.
        record = {"address": address, "fetched": fetched, "sha256": found.sha256, "size": found.size}
        _write_record(kept, record)
        fresh.replace(kept)
    finally:
        fresh.unlink(missing_ok=True)
    return found._replace(path=str(kept), fetched=fetched, fresh=True)


def _copy(address: str, file: BinaryIO, opener: Opener) -> None:
    stream, announced = opener(address)
    size = 0
    with stream:
        for block in iter(lambda: stream.read(_BLOCK), b""):
            size += file.write(block)
    if announced is not None and size != announced:
        raise DataError(f"the connection ended after {size} of {announced} bytes")
    file.flush()
    os.fsync(file.fileno())


def _record_path(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.origin.json")


def _read_record(kept: Path) -> dict[str, Any]:
    try:
        record = _json_text.loads(_record_path(kept).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(kept: Path, record: dict[str, Any]) -> None:
    path = _record_path(kept)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(record) + "\n", encoding="utf-8")
    fresh.replace(path)
