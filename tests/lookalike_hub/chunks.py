# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Xet store here cuts files: chunks of equal size, each behind a head, so many in a xorb."""

from __future__ import annotations

CHUNK = 64 << 10
HEAD = 8
CHUNKS_OF_XORB = 512
XORB = CHUNK * CHUNKS_OF_XORB


def file_offset(number: int, offset: int) -> int:
    """Return where in the file lies what is at an offset in its xorb of this number."""
    chunk, rest = divmod(offset, HEAD + CHUNK)
    return number * XORB + chunk * CHUNK + max(0, rest - HEAD)
