# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reporting - what action plugins share that tell of all hosts of a play, on the controller alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import write
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import survived


class ReportingAction(ActionBase):
    """An action that sends nothing to any host."""

    _requires_connection = False
    _supports_check_mode = True

    def names_of(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
        """Return the hosts to tell of: those of the parameter `hosts`, else all of the play, lost ones too."""
        return [str(name) for name in arguments["hosts"] or task_vars.get("ansible_play_hosts_all") or []]

    def writes(self, arguments: Mapping[str, Any]) -> bool:
        """Tell whether the report is to be written."""
        return bool(arguments["path"]) and not self._task.check_mode


class TableAction(ReportingAction):
    """An action that shows what is known of all hosts as a table, and writes it as JSON."""

    def table_of(
        self,
        task_vars: Mapping[str, Any],
        known: Callable[[Mapping[str, Any], str], dict[str, Any]],
        report_of: Callable[[Mapping[str, Any]], dict[str, Any]],
        show: Callable[[Mapping[str, Any]], None],
    ) -> dict[str, Any]:
        """Return the task's result: the report on what `known` finds of each host in the hosts' variables.

        Raises AnsibleActionFail.
        """
        spec = {"hosts": {"type": "list", "elements": "str"}, "path": {"type": "path"}}
        _result, arguments = self.validate_argument_spec(spec)
        names = self.names_of(arguments, task_vars)
        if not names:
            raise AnsibleActionFail("There is no host to show: the play has none, and the parameter hosts names none.")
        hosts = {name: known(task_vars["hostvars"], name) for name in names}
        report = survived(report_of, hosts, lambda name, problem: {**known({}, name), "problem": problem})
        if self.writes(arguments):
            path = Path(arguments["path"])
            write_report(path.parent, {path.name: json.dumps(report, indent=2, sort_keys=True) + "\n"})
        show(report)
        return {"changed": False, "report": report}


def write_report(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write a report's files, by their place in the folder; None for one that must go. Raises AnsibleActionFail."""
    outside = [name for name in files if not (folder / name).resolve().is_relative_to(folder.resolve())]
    if outside:
        raise AnsibleActionFail(
            f"Expected the report's files to be in {folder}, found that {outside[0]!r} leads out of it. It bears the "
            "name of a host: give that one another name."
        )
    try:
        write({str(folder / name): text for name, text in files.items()})
    except OSError as exc:
        raise AnsibleActionFail(
            f"Expected to write the report to {folder}, could not. Make the folder writable, or choose another path."
        ) from exc
