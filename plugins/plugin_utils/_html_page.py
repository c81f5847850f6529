# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: html page, the report as one HTML file that asks the network for nothing.

Host names, replies and error texts come from machines that may be broken or worse. So the templates escape all they are
given (Jinja's autoescape), drawings are cleaned, and a content security policy lets the browser run the one script and
use the one style sheet that were written here, known by their checksums, and load nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _chart_drawing
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_charts import Chart
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_numbers import seconds
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_tables import VERDICT, between, shown_reference
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import Known, page_view
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._svg import page_svg
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import points, task_title
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).with_name("data") / "report"
# A shape for each verdict, the same ones as in the charts: nobody needs to see colours.
GLYPHS = {"good": "●", "unjudged": "◆", "suspect": "▲", "void": "■", "missing": "□", "bad": "✖"}


def report_html(fleet: Mapping[str, Any], known: Known) -> str:
    """Return the page. The same facts give the same text. What cannot be drawn is left out, and the page says why."""
    view = page_view(fleet, known)
    charts, undrawn = _drawings(view["charts"])
    style, script = (_asset(name) for name in ("style.css", "page.js"))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            **{**view, "charts": charts},
            undrawn=undrawn,
            # The heading says the verdict already.
            sentence=str(fleet["sentence"]).removeprefix(f"Fleet verdict: {fleet['verdict'].upper()} - "),
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
        )
    )


def _drawings(charts: Mapping[str, Sequence[Chart]]) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """Return the charts by kind, drawn; none, and why, where they cannot be."""
    nothing: dict[str, list[dict[str, Any]]] = {kind: [] for kind in charts}
    if not _chart_drawing.can_draw():
        name = _chart_drawing.REQUIREMENT
        return (
            nothing,
            f"{name} is not installed on the controller. Install it beside ansible-core (pip install {name})",
        )
    try:
        drawn = iter(_chart_drawing.draw([chart.spec for several in charts.values() for chart in several]))
    except _chart_drawing.DrawingError as exc:
        return nothing, f"{exc}. Mend or replace {_chart_drawing.REQUIREMENT} on the controller"
    return {kind: [_shown(chart, next(drawn)) for chart in several] for kind, several in charts.items()}, ""


def _shown(chart: Chart, svg: str) -> dict[str, Any]:
    return {"title": chart.title, "svg": Markup(page_svg(svg, chart.title)), "left_out": chart.left_out}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": _points, "task_title": task_title, "between": between, "seconds": seconds}
    environment.globals |= {"GLYPHS": GLYPHS, "VERDICT": VERDICT, "shown_reference": shown_reference}
    return environment


def _points(share: float | None, signed: bool = False) -> str:
    return points(share, signed=signed)


def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").strip()


def _policy(style: str, script: str) -> str:
    """Return the policy that the page sets for itself (Content Security Policy Level 3, hashes of inline parts)."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_checksum(style)}",
            f"script-src {_checksum(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _checksum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
