# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: chart drawing, Vega-Lite specifications to SVG by vl-convert-python, which holds Vega and needs no network.

The only file that knows the library. It is optional: without it there are no charts. It holds V8, which ends its
process where it runs out of memory, or finds a number that it did not expect; so it runs in a process of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._child import ask, end_of

REQUIREMENT = "vl-convert-python"
_VEGA_LITE = "6.4"
_SECONDS = 300.0  # for all charts of a page; those of a thousand hosts take a few


class DrawingError(Exception):
    """A chart could not be drawn."""


@cache
def _library() -> Any:
    try:
        return importlib.import_module("vl_convert")
    except ImportError:
        return None


def can_draw() -> bool:
    """Tell whether the library is there."""
    return _library() is not None


def draw(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each specification's chart as an SVG document. The same specification gives the same text.

    Raises DrawingError when one of them cannot be drawn.
    """
    if not specs:
        return []
    drawn = ask(partial(_drawn, specs), _SECONDS)
    if isinstance(drawn, list):
        return drawn
    raise DrawingError(drawn.get("undrawn") or f"the charts could not be drawn: the drawing ended {end_of(drawn)}")


def _drawn(specs: Sequence[Mapping[str, Any]]) -> list[str] | dict[str, str]:
    """Return the charts, or why there are none. Runs in the process of its own."""
    charts = []
    for spec in specs:
        try:
            charts.append(str(_library().vegalite_to_svg(dict(spec), vl_version=_VEGA_LITE, allowed_base_urls=[])))
        except (ValueError, RuntimeError, OSError) as exc:
            return {"undrawn": f"the chart {spec.get('description')!r} could not be drawn: {exc}"}
    return charts
