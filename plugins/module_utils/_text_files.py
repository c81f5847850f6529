# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: text_files - a few small files that change together or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Optional, Union

# A file's wanted text; None: it shall not be there.
Texts = Mapping[str, Optional[str]]


def whole(path: str, encoding: str = "utf-8") -> str:
    """Return a file's text, its line ends as they are. Raises OSError, also for what is no text."""
    content = Path(path).read_bytes()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as exc:
        raise OSError(f"it is no UTF-8 text from byte {exc.start} on") from None


def read(path: str) -> Optional[str]:
    """Return a file's text; None when there is none."""
    try:
        return Path(path).read_bytes().decode("utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def differing(wanted: Texts) -> dict[str, Optional[str]]:
    """Return those of the wanted texts that are not so on disk."""
    return {path: text for path, text in wanted.items() if read(path) != text}


def diff(wanted: Texts) -> list[dict[str, str]]:
    """Return Ansible's diff of what writing the wanted texts would change."""
    return [
        {"before_header": path, "after_header": path, "before": _shown(read(path)), "after": _shown(text)}
        for path, text in differing(wanted).items()
    ]


def write(wanted: Texts) -> None:
    """Write all files, and bring those already written back to what they were when one cannot be written.

    All are laid beside their places first: a disk without room for one of them is found before any is replaced, as on
    such a disk there is no way back.
    """
    before = {path: read(path) for path in wanted}
    parts: dict[str, str] = {}
    try:
        for path, text in wanted.items():
            if text is not None:
                parts[path] = _laid_beside(path, text)
        for path in wanted:
            _take_place(path, parts.pop(path, None))
    except OSError:
        for part in parts.values():
            Path(part).unlink()
        for path in differing(before):
            put(path, before[path])
        raise


def put(path: str, content: Union[str, bytes, None]) -> None:
    """Replace one file at once, readable by all; its folder is made when it is missing. None removes it."""
    _take_place(path, None if content is None else _laid_beside(path, content))


def _laid_beside(path: str, content: Union[str, bytes]) -> str:
    """Write a file's content beside it; return where."""
    target = Path(path)
    data = content.encode("utf-8", errors="surrogateescape") if isinstance(content, str) else content
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # A leading dot and no known suffix: neither apt nor dnf reads it meanwhile.
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(part).chmod(0o644)
    except OSError:
        Path(part).unlink()
        raise
    return part


def _take_place(path: str, part: Optional[str]) -> None:
    """Have what was laid beside a file take its place; without such a part the file goes."""
    target = Path(path)
    if part is not None:
        try:
            Path(part).replace(target)
        except OSError:
            Path(part).unlink()
            raise
    elif target.is_symlink() or target.exists():
        target.unlink()


def _shown(text: Optional[str]) -> str:
    """Return a text as a diff shows it: nobody reads base64, so a key's is left out."""
    if text is None:
        return ""
    begin = text.find("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    return text if begin < 0 else f"{text[:begin]}(an OpenPGP public key of {len(text)} characters)\n"
