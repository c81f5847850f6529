# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action eval_baseline: keeps accepted hosts' full runs on the controller, as references for later evals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import diff, differing
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reference_file import accepted_cells, dump, references_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "fleet": {"type": "dict", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "verdicts": {
        "type": "list",
        "elements": "str",
        "choices": [verdict for verdict in FROM_BEST_TO_WORST if verdict in ("good", "unjudged", "suspect")],
        "default": ["good"],
    },
}


class ActionModule(ReportingAction):
    """Write the file of references. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        entries = plain(arguments["fleet"]).get("scores")
        if not isinstance(entries, list):
            raise AnsibleActionFail("The parameter fleet holds no scores: give the fact gpt_oss_fleet of the judge.")
        wanted = arguments["hosts"]
        entries = [entry for entry in entries if wanted is None or entry["host"] in wanted]
        hostvars = (task_vars or {})["hostvars"]
        rows = {host: _scores(hostvars, host) for host in dict.fromkeys(entry["host"] for entry in entries)}
        cells, left_out = accepted_cells(entries, rows, arguments["verdicts"])
        if not cells:
            raise AnsibleActionFail(
                f"Wanted at least one accepted score of a full eval to make a baseline of, found none of {len(entries)}"
                f"{': ' + left_out[0]['host'] + ': ' + left_out[0]['reason'] if left_out else ''}."
            )
        references = references_of(cells)
        text = {arguments["path"]: dump(references)}
        result = {"changed": bool(differing(text)), "scores": references, "left_out": left_out}
        if self._task.diff:
            result["diff"] = diff(text)
        if result["changed"] and not self._task.check_mode:
            path = Path(arguments["path"])
            write_report(path.parent, {path.name: text[arguments["path"]]})
        return result


def _scores(hostvars: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    facts = hostvars[host].get("ansible_facts") if host in hostvars else None
    return list(plain((facts or {}).get("gpt_oss_scores") or []))
