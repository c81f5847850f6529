# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: charts, the report's charts as Vega-Lite specifications: plain data, drawn elsewhere.

Colours are the page's CSS variables, so that one drawing serves the light and the dark theme. What a mark means is told
by its shape too. A mark's `description` becomes its accessible name, which the page shows as a tooltip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGES
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST

Spec = dict[str, Any]
Row = Mapping[str, Any]

_STEP = 15  # pixels a row
_LABEL = 150  # pixels of a row's name at most
_CHARACTER = 7  # pixels; a browser's font may be wider than the one that the library measures with
EFFORTS = ("low", "medium", "high")
# An x and not a plus for "bad"; the others are Vega's own.
_CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
_SHAPES = {
    "good": "circle", "unjudged": "diamond", "suspect": "triangle-up", "void": "square", "missing": "square",
    "bad": _CROSS,
}  # fmt: skip


def forest(rows: Sequence[Row], title: str) -> Spec:
    """Return the plot of a cell's differences from fleet and reference with their intervals, in points.

    rows: `name`, `against` ("fleet" or "reference"), `difference`, `low`, `high`, `verdict`, `text`; in order, the
    names as they shall stand from top to bottom.
    """
    names = list(dict.fromkeys(row["name"] for row in rows))
    position = {
        "y": {"field": "name", "type": "nominal", "sort": names, "axis": _named(names)},
        "yOffset": {"field": "against", "type": "nominal", "sort": ["fleet", "reference"]},
    }
    interval = {"x": _number("low", "difference in points"), "x2": {"field": "high"}, "color": _by_verdict()}
    dash = {"field": "against", "scale": {"domain": ["fleet", "reference"], "range": [[1, 0], [2, 2]]}, "legend": None}
    fill = {"condition": {"test": "datum.against === 'reference'", "value": "var(--paper)"}, **_by_verdict()}
    return _spec(
        title,
        {"values": [dict(row) for row in rows]},
        {"width": 240, "height": {"step": _STEP, "for": "position"}},
        [
            {
                "data": {"values": [{"zero": 0}]},
                "mark": {"type": "rule", "color": "var(--ink)", "aria": False},
                "encoding": {"x": {"field": "zero", "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1.5, "aria": False},
                "encoding": {**position, **interval, "strokeDash": {**dash, "type": "nominal"}},
            },
            {
                "mark": {"type": "point", "size": 42, "opacity": 1, "strokeWidth": 1.2},
                "encoding": {**position, "x": _number("difference"), **_verdict_marks(), "fill": fill},
            },
        ],
    )


def effort_curve(lines: Sequence[Row], summary: Sequence[Row], title: str) -> Spec:
    """Return the plot of scores over the reasoning effort, in points.

    lines: each server's scores: `name`, `effort`, `score`, `verdict` (of the score), `text`. summary: the same with
    `name` "fleet median" or "reference".
    """
    efforts = [effort for effort in EFFORTS if any(row["effort"] == effort for row in lines)]
    x = {"field": "effort", "type": "ordinal", "sort": efforts, "axis": {"title": None, "labelAngle": 0}}
    y = {"field": "score", "type": "quantitative", "scale": {"zero": False}, "axis": {"title": "score in points"}}
    place = {"x": x, "y": y}
    names = ["fleet median", "reference"]
    of_summary: Spec = {"values": [dict(row) for row in summary]}
    return _spec(
        title,
        {"values": [dict(row) for row in lines]},
        {"width": 250, "height": 200},
        [
            {
                "mark": {"type": "line", "color": "var(--faint)", "strokeWidth": 1, "aria": False},
                "encoding": {**place, "detail": {"field": "name"}},
            },
            {
                "data": of_summary,
                "mark": {"type": "line", "strokeWidth": 2.5, "aria": False},
                "encoding": {
                    **place,
                    "color": _scale("name", names, ["var(--ink)", "var(--reference)"]),
                    "strokeDash": _scale("name", names, [[1, 0], [5, 3]]),
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 36, "opacity": 1},
                "encoding": {**place, **_verdict_marks()},
            },
            {
                "data": of_summary,
                "mark": {"type": "point", "filled": False, "size": 60, "opacity": 1},
                "encoding": {
                    **place,
                    "color": _scale("name", names, ["var(--ink)", "var(--reference)"]),
                    "shape": _scale("name", names, ["square", "diamond"]),
                    "description": {"field": "text"},
                },
            },
        ],
    )


def strips(rows: Sequence[Row], title: str, unit: str) -> Spec:
    """Return the plot of one measure of speed, a strip for each cell: `cell`, `value`, `verdict`, `text`."""
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    y = {"field": "cell", "type": "nominal", "sort": cells, "axis": _named(cells)}
    return _spec(
        title,
        {"values": [dict(row) for row in rows]},
        {"width": 250, "height": {"step": 26}},
        [
            {
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 0.75},
                "encoding": {"y": y, "x": _number("value", unit), **_verdict_marks()},
            }
        ],
    )


def startup(rows: Sequence[Row], title: str) -> Spec:
    """Return the bars of the servers' starts: `name`, `stage`, `seconds`, `text`, in the order of the servers."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    stages = stages_of(rows)
    order = {stage: place for place, stage in enumerate(stages)}
    return _spec(
        title,
        {"values": [{**row, "order": order[row["stage"]]} for row in rows]},
        {"width": 560, "height": {"step": _STEP}},
        [
            {
                "mark": {"type": "bar", "stroke": "var(--paper)", "strokeWidth": 1},
                "encoding": {
                    "y": {"field": "name", "type": "nominal", "sort": names,
                          "axis": _named(names)},
                    "x": {**_number("seconds", "seconds"), "stack": "zero"},
                    "color": _scale("stage", stages, [f"var(--stage-{stage_number(stage)})" for stage in stages]),
                    "order": {"field": "order"},
                    "description": {"field": "text"},
                },
            }
        ],
    )  # fmt: skip


def stages_of(rows: Iterable[Row]) -> list[str]:
    """Return the stages of some starts, in their order."""
    known = {row["stage"] for row in rows}
    return [*(stage for stage in STAGES if stage in known), *sorted(known - set(STAGES))]


def stage_number(stage: str) -> int:
    """Return the number of a stage's colour among the page's variables; 0 for a stage that is not known."""
    return STAGES.index(stage) + 1 if stage in STAGES else 0


def _named(names: Sequence[str]) -> Spec:
    """Return the axis of rows with these names, with room for them."""
    room = min(_LABEL, _CHARACTER * max(map(len, names), default=0))
    return {"title": None, "labelLimit": _LABEL, "minExtent": room}


def _number(field: str, title: str | None = None) -> Spec:
    # On top, where a tall chart begins.
    axis = {"title": title, "orient": "top", "tickCount": 5, "labelOverlap": "greedy", "labelFlush": False}
    return {"field": field, "type": "quantitative", "axis": axis}


def _scale(field: str, domain: Sequence[str], colours: Sequence[Any]) -> Spec:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(domain), "range": list(colours)},
        "legend": None,
    }


def _by_verdict() -> Spec:
    return _scale("verdict", FROM_BEST_TO_WORST, [f"var(--{verdict})" for verdict in FROM_BEST_TO_WORST])


def _verdict_marks() -> Spec:
    shapes = [_SHAPES[verdict] for verdict in FROM_BEST_TO_WORST]
    return {
        "color": _by_verdict(),
        "shape": _scale("verdict", FROM_BEST_TO_WORST, shapes),
        "description": {"field": "text"},
        # The worst are drawn last, over the others.
        "order": {"field": "rank", "type": "quantitative"},
    }


def _spec(title: str, data: Spec, size: Spec, layers: Sequence[Spec]) -> Spec:
    """Return a chart of layers, whose colours and shapes are their own; what they share is told by equal scales."""
    ink = {"labelColor": "var(--ink)", "titleColor": "var(--muted)", "titleFontWeight": 400, "labelFontSize": 11}
    lines = {"gridColor": "var(--line)", "domainColor": "var(--line)", "tickColor": "var(--line)"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "description": title,
        "background": None,
        "data": data,
        **size,
        "layer": list(layers),
        "resolve": {"scale": dict.fromkeys(("color", "fill", "shape", "strokeDash"), "independent")},
        "config": {
            "axis": {**ink, **lines},
            "view": {"stroke": None},
        },
    }
