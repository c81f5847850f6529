# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: containerd_config, the root folder in the text of /etc/containerd/config.toml.

Only the top-level key is looked at: what stands after the first table's header belongs to that table.
"""

from __future__ import annotations

import re

_ROOT = re.compile(r"^[ \t]*root[ \t]*=[^\n]*$", re.MULTILINE)
_COMMENTED_ROOT = re.compile(r"^[ \t]*#[ \t]*root[ \t]*=[^\n]*$", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_VERSION = re.compile(r"^[ \t]*version[ \t]*=[^\n]*\n", re.MULTILINE)


def with_root(text: str, root: str) -> str:
    """Return the text with this root, everything else as it was.

    An empty text becomes a file of version 2, which containerd 1.3 to 2 read (containerd, docs/man).
    """
    line = f'root = "{root}"'
    if not text.strip():
        return f"version = 2\n{line}\n"
    table = _TABLE.search(text)
    end = table.start() if table else len(text)
    top, rest = text[:end], text[end:]
    for pattern in (_ROOT, _COMMENTED_ROOT):
        if pattern.search(top):
            return pattern.sub(lambda _match: line, top, count=1) + rest
    version = _VERSION.search(top)
    place = version.end() if version else 0
    return f"{top[:place]}{line}\n{top[place:]}{rest}"
