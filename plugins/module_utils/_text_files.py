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
    """Write all files, and bring those already written back to what they were when one cannot be written."""
    before = {path: read(path) for path in wanted}
    try:
        for path, text in wanted.items():
            put(path, text)
    except OSError:
        for path, text in before.items():
            put(path, text)
        raise


def put(path: str, content: Union[str, bytes, None]) -> None:
    """Replace one file at once, readable by all; its folder is made when it is missing. None removes it."""
    target = Path(path)
    if content is None:
        if target.is_symlink() or target.exists():
            target.unlink()
        return
    data = content.encode("utf-8", errors="surrogateescape") if isinstance(content, str) else content
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # A leading dot and no known suffix: neither apt nor dnf reads it meanwhile.
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink()
        raise


def _shown(text: Optional[str]) -> str:
    """Return a text as a diff shows it: nobody reads base64, so a key's is left out."""
    if text is None:
        return ""
    begin = text.find("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    return text if begin < 0 else f"{text[:begin]}(an OpenPGP public key of {len(text)} characters)\n"
