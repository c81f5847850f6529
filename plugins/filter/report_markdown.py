# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.report_markdown: turns a fleet's facts into a report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_markdown
short_description: Turns a fleet's facts into a report in Markdown
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - The report has the verdict, each host's reasons, each score with its noise, reference and fleet median, the outcome
    of the samples, the environment and the method.
  - The same facts give the same text, so that writing it again changes nothing.
positional: _input
options:
  _input:
    description: The facts, C(gpt_oss_fleet) as M(gpt_oss.fleet.fleet_scores) registers it.
    type: dict
    required: true
seealso:
  - module: gpt_oss.fleet.fleet_scores
"""

EXAMPLES = r"""
- name: Write the report
  ansible.builtin.copy:
    content: "{{ gpt_oss_fleet | gpt_oss.fleet.report_markdown }}"
    dest: report.md
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The report, a Markdown document.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def report_markdown(fleet: Mapping[str, Any]) -> str:
    """Return the report; raise when the value is no fleet's facts."""
    if not isinstance(fleet, Mapping) or "scores" not in fleet or "sentence" not in fleet:
        raise AnsibleFilterError(
            "report_markdown wants the fact gpt_oss_fleet as fleet_scores registers it, and got "
            f"{'a dictionary without scores' if isinstance(fleet, Mapping) else type(fleet).__name__}. "
            "Run gpt_oss.fleet.fleet_scores first and pass its result's `fleet`."
        )
    return _report.report_markdown(fleet)


class FilterModule:
    """Ansible looks the filters up here."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"report_markdown": guarded("report_markdown", report_markdown)}
