# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hashing, numbers that look random and depend on names alone."""

from __future__ import annotations

import hashlib


def unit(*parts: object) -> float:
    """Hash the parts to a number evenly spread over the open interval (0, 1)."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**48


def short_hex(data: bytes) -> str:
    """Return 16 hexadecimal digits that stand for the bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
