# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval line, one server's eval in a line: where it is, the score so far, errors, pace and time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._watch import RUNNING, duration

_MOST_CELLS = 2
_LONGEST_TEXT = 160

Cell = Mapping[str, Any]


def eval_line(host: str, status: Mapping[str, Any]) -> str:
    """Return one line on an eval job. "+/-" is the standard error clustered by question, of the score so far."""
    cells = status.get("cells", [])
    if not cells:
        return f"[{host}] {status.get('server')}: {status.get('state')}"
    shown = under_way(cells)
    texts = [_cell(cell) for cell in shown[:_MOST_CELLS]]
    if len(shown) > _MOST_CELLS:
        texts.append(f"{len(shown) - _MOST_CELLS} more under way")
    parts = [f"[{host}] {status['server']}: {'; '.join(texts)}"]
    done, total = totals(cells)
    # Unless it is the only one, in which case its own numbers say so.
    parts += [] if len(cells) == 1 else [f"all {done}/{total}"]
    return ", ".join([*parts, f"{sum(cell['errors'] for cell in cells)} errors", *_pace(status)])


def under_way(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that are begun and not done; else the next, else the last."""
    unfinished = [cell for cell in cells if cell["done"] < cell["total"]]
    return [cell for cell in unfinished if cell["done"]] or list(unfinished[:1] or cells[-1:])


def totals(cells: Sequence[Cell]) -> tuple[int, int]:
    """Return how many samples of all cells are asked, and how many there are."""
    return sum(cell["done"] for cell in cells), sum(cell["total"] for cell in cells)


def score_so_far(cell: Cell) -> str:
    """Return a cell's score in points, with its standard error where that is known."""
    if not cell["measured"]:
        return "no score yet"
    error = cell.get("standard_error")
    plus_minus = "" if error is None else f" +/- {points(error)}"
    return f"score {points(cell['correct'] / cell['measured'])}{plus_minus}"


def trouble(status: Mapping[str, Any]) -> str:
    """Return why a job does not get on, and what to do; empty where it does."""
    phase = status.get("phase") or "asking"
    if phase == "asking":
        servers = status.get("servers") or []
        down = [each for each in servers if each["phase"] != "asking"]
        if down:
            told = "; ".join(f"{each['endpoint']}: {each['cause']}" for each in down)
            return f"{len(down)} of {len(servers)} replicas down ({told[:_LONGEST_TEXT]})"
        return f"retrying: {status['trouble'][:_LONGEST_TEXT]}" if status.get("trouble") else ""
    parts = [f"{phase.upper()} for {duration(status.get('phase_seconds') or 0)}"]
    parts += [str(status[name])[:_LONGEST_TEXT] for name in ("cause", "remedy") if status.get(name)]
    return ": ".join((parts[0], "; ".join(parts[1:]))) if len(parts) > 1 else parts[0]


def _cell(cell: Cell) -> str:
    return f"{cell['task']} {cell['effort']} {cell['done']}/{cell['total']}, {score_so_far(cell)}"


def _pace(status: Mapping[str, Any]) -> list[str]:
    if status.get("state") != RUNNING:
        return [str(status.get("state"))]
    parts = []
    if (status.get("phase") or "asking") == "asking":
        parts.append(f"{status['rate']:.1f} requests/s")
        if status.get("tokens_per_second"):
            parts.append(f"{status['tokens_per_second']:.0f} tokens/s")
        if status.get("eta_s") is not None:
            parts.append(f"{duration(status['eta_s'])} left")
    return [*parts, *filter(None, [trouble(status)])]
