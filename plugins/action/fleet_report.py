# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action fleet_report: writes a judged fleet's report on the controller, in the forms that are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import diff, differing
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._chart_drawing import REQUIREMENT, can_draw
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import differences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_host import environment_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_files import (
    FORMS,
    WITHOUT_DIFF,
    file_name,
    report_files,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_samples import Wish, chosen_samples
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._report_view import UNFIT, Known
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "fleet": {"type": "dict", "required": True},
    "path": {"type": "path", "required": True},
    "forms": {"type": "list", "elements": "str", "choices": list(FORMS), "default": list(FORMS)},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": [verdict for verdict in reversed(FROM_BEST_TO_WORST) if verdict != "good"],
        "default": list(UNFIT),
    },
    "samples": {"type": "int", "default": 0},
    "samples_path": {"type": "path"},
    "data": {"type": "dict", "default": {}},
}
_NEEDED = ("scores", "hosts", "cells", "pooled", "sentence", "settings")


class ActionModule(ReportingAction):
    """Write the report. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        folder, fleet = Path(arguments["path"]), _fleet(arguments["fleet"])
        known = _known(fleet, arguments, (task_vars or {})["hostvars"])
        texts = report_files(fleet, known, arguments["forms"])
        if "html" in arguments["forms"] and not can_draw():
            Display().warning(f"report.html has no charts: install {REQUIREMENT} beside ansible-core, and run again.")
        wanted: dict[str, str | None] = {str(folder / name): text for name, text in texts.items()}
        changed = sorted(differing(wanted))
        shown = diff({path: wanted[path] for path in changed if Path(path).name not in WITHOUT_DIFF})
        if changed and not self._task.check_mode:
            write_report(folder, texts)
        result: dict[str, Any] = {
            "changed": bool(changed),
            "files": {form: str(folder / file_name(form)) for form in arguments["forms"]},
            "differing": changed,
        }
        if self._task.diff:
            result["diff"] = shown
        return result


def _fleet(value: Mapping[str, Any]) -> dict[str, Any]:
    fleet = plain(value)
    missing = [name for name in _NEEDED if name not in fleet]
    if missing:
        raise AnsibleActionFail(
            f"The parameter fleet wants the fact gpt_oss_fleet as fleet_scores registers it, and lacks "
            f"{', '.join(missing)}. Run gpt_oss.fleet.fleet_scores first and pass its result's `fleet`."
        )
    return dict(fleet)


def _known(fleet: Mapping[str, Any], arguments: Mapping[str, Any], hostvars: Mapping[str, Any]) -> Known:
    """Return what is to be told beside the facts: starts, environments, samples."""
    if not arguments["forms"]:
        raise AnsibleActionFail(f"forms is empty: name at least one of {', '.join(FORMS)}.")
    if arguments["samples"] < 0:
        raise AnsibleActionFail(f"samples is {arguments['samples']}: wanted 0 (none) or how many of each score.")
    names = [host["host"] for host in fleet["hosts"]]
    folder = Path(arguments["samples_path"] or Path(arguments["path"]) / "samples")
    wish = Wish(arguments["samples"], folder, plain(arguments["data"]))
    samples, left_out = chosen_samples(fleet["scores"], wish)
    return Known(
        servers=_servers(hostvars, names),
        environment=_environment(hostvars, names),
        samples=samples,
        samples_left_out=left_out,
        fail_on=arguments["fail_on"],
    )


def _servers(hostvars: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the facts gpt_oss_servers of the hosts that have them."""
    facts = {name: hostvars[name].get("gpt_oss_servers") for name in names if name in hostvars}
    return {name: list(plain(own)) for name, own in facts.items() if own}


def _environment(hostvars: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """Return in what the hosts differ; None where nobody has looked."""
    known = {name: environment_of(hostvars, name) for name in names}
    return differences(known) if any(own["servers"] for own in known.values()) else None
