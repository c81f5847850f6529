# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: chart drawing, Vega-Lite specifications to SVG by vl-convert-python, which holds Vega and needs no network.

The only file that knows the library. It is optional: without it there are no charts.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

REQUIREMENT = "vl-convert-python"
_VEGA_LITE = "6.4"


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


def draw(spec: Mapping[str, Any]) -> str:
    """Return a specification's chart as an SVG document. The same specification gives the same text."""
    try:
        return str(_library().vegalite_to_svg(dict(spec), vl_version=_VEGA_LITE, allowed_base_urls=[]))
    except (ValueError, RuntimeError, OSError) as exc:
        raise DrawingError(f"the chart {spec.get('description')!r} could not be drawn: {exc}") from exc
