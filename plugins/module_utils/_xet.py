# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: xet - reads a file from the Hub's Xet store, in order, from any offset. The only importer of hf_xet.

What it hands over are pieces of up to 64 MB, so a file that is broken off loses one at most.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# It retries for minutes by itself; the patience is ours.
_SETTINGS = {
    "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1",
    "HF_XET_CLIENT_RETRY_BASE_DELAY": "1s",
    "HF_XET_TELEMETRY_ENABLED": "false",
}


class XetError(Exception):
    """The store did not give it."""


@dataclass(frozen=True)
class Stored:
    """A file in the store: its hash and size there, who gives the tokens, and by which request headers."""

    digest: str
    size: int
    token_url: str
    token_headers: Mapping[str, str]


def is_usable(timeout: float, folder: Path) -> bool:
    """Tell whether the library is there, and gives files in order.

    It is told how many seconds to wait for a byte, and in which folder to keep what it keeps.
    """
    waits = {f"HF_XET_CLIENT_{name}_TIMEOUT": f"{max(1, round(timeout))}s" for name in ("READ", "CONNECT")}
    places = {"HF_XET_CACHE": str(folder), "HF_XET_LOG_DEST": f"{folder}/logs/"}
    for name, value in {**_SETTINGS, **waits, **places}.items():
        os.environ.setdefault(name, value)
    try:
        import hf_xet  # noqa: PLC0415
    except ImportError:
        return False
    return hasattr(getattr(hf_xet, "XetSession", None), "new_download_stream_group")


def pieces(stored: Stored, token: Mapping[str, Any], start: int) -> Iterator[bytes]:
    """Yield the file's bytes from an offset on. `token` is the Hub's answer for it. Raises XetError."""
    import hf_xet  # noqa: PLC0415

    try:
        group = hf_xet.XetSession().new_download_stream_group(
            endpoint=token["casUrl"],
            token=token["accessToken"],
            token_expiry_unix_secs=token["exp"],
            token_refresh_url=stored.token_url,
            token_refresh_headers=dict(stored.token_headers),
        )
        yield from group.download_stream(hf_xet.XetFileInfo(stored.digest, stored.size), start=start, end=stored.size)
    except Exception as exc:  # it raises what its own parts raise, of no common class
        raise XetError(str(exc) or type(exc).__name__) from exc
