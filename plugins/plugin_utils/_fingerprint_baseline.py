# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fingerprint baseline - accepted servers' fingerprints, kept in a file on the controller.

The file is JSON: {"fingerprint_baseline": 1, "fingerprints": [...]}, one a line: for each kind of server the median of
those that were accepted, as a row of the fact gpt_oss_fingerprints with `hosts`, whose they were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import centre_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Unit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._row_file import RowFile, RowFileError

_FILE = RowFile("fingerprint_baseline", "fingerprints", "gpt_oss.fleet.fingerprint_report")
_KEPT = ("model", "revision", "image_digest", "moe_activation", "gpu_family", "vllm_version", "simulated", "prompts")

Row = Mapping[str, Any]


class BaselineError(Exception):
    """A file that holds no fingerprints."""


def rows_of(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Return a row for each kind of server and build."""
    groups: dict[tuple[Any, ...], list[Unit]] = defaultdict(list)
    for unit in units:
        groups[(*unit.like, *unit.build)].append(unit)
    return [_row(own) for own in groups.values()]


def merged(known: Iterable[Row], fresh: Sequence[Row]) -> list[Row]:
    """Return the fresh rows, and those of other kinds of servers that were known."""
    replaced = {_kind(row) for row in fresh}
    return [row for row in known if _kind(row) not in replaced] + list(fresh)


def dump(rows: Iterable[Row]) -> str:
    """Return the text of a file; the same fingerprints give the same text."""
    return _FILE.dump(rows)


def load(text: str, path: str) -> list[dict[str, Any]]:
    """Return the rows of a file's text. BaselineError tells what is wrong with it, and names its path."""
    try:
        return _FILE.load(text, path)
    except RowFileError as exc:
        raise BaselineError(str(exc)) from exc


def _kind(row: Row) -> tuple[Any, ...]:
    unit = Unit("baseline", row)
    return (*unit.like, *unit.build)


def _row(units: Sequence[Unit]) -> dict[str, Any]:
    first = units[0].row
    return {
        **{name: first.get(name) for name in _KEPT},
        "server": "baseline",
        "replies": centre_of([unit.row["replies"] for unit in units]),
        "hosts": sorted({unit.host for unit in units}),
    }
