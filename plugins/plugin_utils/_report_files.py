# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report files, a fleet's report in each of its forms, by the name of its file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._html_page import report_html
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report import report_markdown
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_csv import report_csv
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_junit import report_junit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import Known

_Fleet = Mapping[str, Any]
_WRITERS: Mapping[str, tuple[str, Callable[[_Fleet, Known], str]]] = {
    "html": ("report.html", report_html),
    "markdown": ("report.md", lambda fleet, known: report_markdown(fleet, known.servers)),
    "json": ("report.json", lambda fleet, _known: json.dumps(fleet, indent=4, sort_keys=True) + "\n"),
    "csv": ("report.csv", lambda fleet, _known: report_csv(fleet)),
    "junit": ("junit.xml", lambda fleet, known: report_junit(fleet, known.fail_on)),
}
FORMS = tuple(_WRITERS)
# Long, or of one line: a diff of them helps nobody.
WITHOUT_DIFF = ("report.html", "report.json")


def file_name(form: str) -> str:
    """Return the name of a form's file."""
    return _WRITERS[form][0]


def report_files(fleet: _Fleet, known: Known, forms: Iterable[str]) -> dict[str, str]:
    """Return the report in the wanted forms, by file name. The same facts give the same texts."""
    return {name: write(fleet, known) for name, write in (_WRITERS[form] for form in forms)}
