# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: svg, a drawn chart made fit for an HTML page: small, one image to a screen reader, nothing active in it.

Names in a chart come from hosts and models. So the drawing is parsed and written anew with the elements and attributes
of this list alone: no links, scripts, handlers or styles, whatever the library may do one day.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_ELEMENTS = ("svg", "g", "path", "line", "text", "rect")
_ATTRIBUTES = (
    "viewBox", "transform", "d", "x", "y", "x2", "y2", "width", "height", "fill", "fill-opacity", "stroke",
    "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "text-anchor", "font-size", "font-weight",
)  # fmt: skip
_INITIAL = {"opacity": "1", "stroke-dasharray": "1,0", "fill-opacity": "1", "stroke-opacity": "1", "stroke-width": "1"}
# Written to many digits, which nobody sees and everybody would download.
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_NUMBERS = {"transform", "d", "x", "y", "x2", "y2", "width", "height"}


def page_svg(drawing: str, title: str) -> str:
    """Return a drawing as an inline SVG element with this accessible name. A mark's own name becomes `data-tip`."""
    root = _clean(ElementTree.fromstring(drawing))
    if root is None or root.tag != "svg":
        raise ValueError("wanted an SVG drawing, found another document")
    root.attrib |= {"role": "img", "aria-label": title}
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: Element) -> Element | None:
    tag = element.tag.rpartition("}")[2]
    if tag not in _ELEMENTS or element.get("display") == "none" or element.get("d") == "M0,0h0v0h0Z":
        return None
    kept = Element(tag, {name: _short(name, element.attrib[name]) for name in _ATTRIBUTES if _says(element, name)})
    if element.get("aria-label") and element.get("aria-roledescription") not in (None, "axis"):
        kept.set("data-tip", element.attrib["aria-label"])
    if tag == "text":
        kept.text = element.text
    kept.extend([child for child in map(_clean, element) if child is not None])
    return kept


def _says(element: Element, name: str) -> bool:
    return name in element.attrib and element.attrib[name] != _INITIAL.get(name)


def _short(name: str, value: str) -> str:
    if name not in _NUMBERS:
        return value
    return _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
