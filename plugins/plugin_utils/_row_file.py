# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: row file - what accepted hosts leave to later runs, as JSON with one row a line.

The file is {"KIND": 1, "ROWS": [...]}.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

VERSION = 1


class RowFileError(Exception):
    """A text that is no such file; says what was wanted and names the path."""


class RowFile(NamedTuple):
    """One kind of file. kind, rows: its two keys; maker: the plugin that writes it."""

    kind: str
    rows: str
    maker: str

    def dump(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Return the text of a file; the same rows give the same text."""
        lines = ",\n".join(json.dumps(row, sort_keys=True) for row in rows)
        return f'{{"{self.kind}": {VERSION}, "{self.rows}": [\n{lines}\n]}}\n'

    def load(self, text: str, path: str) -> list[dict[str, Any]]:
        """Return the rows of a file's text. Raises RowFileError."""
        try:
            content = _json_text.loads(text)
        except ValueError as exc:
            raise RowFileError(f"{path} is not JSON: {exc}. Wanted a file of {self.maker}.") from exc
        rows = content.get(self.rows) if isinstance(content, dict) else None
        if not isinstance(rows, list) or content.get(self.kind) != VERSION:
            raise RowFileError(f'{path} is no file of {self.maker}, which begins with {{"{self.kind}": {VERSION}}}.')
        return rows
