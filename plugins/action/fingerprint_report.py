# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action fingerprint_report: judges hosts' fingerprints against those of others and a baseline, on the controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._text_files import diff, differing
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _fingerprint_baseline as baseline_file
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Limits, Unit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import Judgement, judge
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_report import report_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reporting import ReportingAction, write_report
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences, survived, unusable
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._table import WIDTH
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import paragraph
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST, GOOD, UNJUDGED

FACT = "gpt_oss_fingerprints"
NOT_TAKEN = "none was taken: the host failed or could not be reached before its servers were asked"
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "against": {"type": "list", "elements": "str"},
    "baseline": {"type": "path"},
    "accept": {"type": "bool", "default": False},
    "tolerance": {"type": "float", "default": Limits.floor},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": [verdict for verdict in reversed(FROM_BEST_TO_WORST) if verdict not in ("good", "void")],
        "default": ["bad", "missing"],
    },
    "show": {"type": "bool", "default": True},
}


class ActionModule(ReportingAction):
    """Judge fingerprints. Nothing is sent to any host."""

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        variables = task_vars or {}
        names = self.names_of(arguments, variables)
        if not names:
            raise AnsibleActionFail("There is no host to judge: the play has none, and the parameter hosts names none.")
        if arguments["accept"] and not arguments["baseline"]:
            raise AnsibleActionFail("accept is true, but baseline names no file to keep the fingerprints in.")
        against = names if arguments["against"] is None else [str(name) for name in arguments["against"]]
        units = {name: _units(variables["hostvars"], name) for name in dict.fromkeys([*names, *against])}
        kept = _kept(arguments["baseline"], arguments["accept"])

        def judged(found: Mapping[str, list[Unit]]) -> tuple[Sequence[Judgement], dict[str, Any]]:
            own, others = ([unit for name in asked for unit in found.get(name, [])] for asked in (names, against))
            judgements = judge(own, others, kept, Limits.of(arguments["tolerance"]))
            return judgements, report_of(judgements, arguments["fail_on"])

        judgements, report = survived(judged, units, _untold)
        result: dict[str, Any] = {"changed": False, **report}
        if arguments["accept"]:
            result |= self._accept(arguments["baseline"], judgements, kept)
        if arguments["show"]:
            _show(report)
        return result

    def _accept(self, path: str, judgements: Sequence[Judgement], kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        accepted = [each.unit for each in judgements if each.verdict in (GOOD, UNJUDGED)]
        if not accepted:
            raise AnsibleActionFail(
                f"Wanted at least one good fingerprint to make a baseline of, found none. If all differ from {path} on "
                "purpose, as those of another revision do, remove that file first."
            )
        text = {path: baseline_file.dump(baseline_file.merged(kept, baseline_file.rows_of(accepted)))}
        found: dict[str, Any] = {"changed": bool(differing(text))}
        if self._task.diff:
            found["diff"] = diff(text)
        if found["changed"] and not self._task.check_mode:
            write_report(Path(path).parent, {Path(path).name: text[path]})
        return found


def _units(hostvars: Mapping[str, Any], name: str) -> list[Unit]:
    rows = plain(hostvars[name].get(FACT) or []) if name in hostvars else []
    if not isinstance(rows, list):
        return _untold(name, unusable(TypeError()))
    return [Unit(name, row) for row in rows] or _untold(name, NOT_TAKEN)


def _untold(name: str, problem: str) -> list[Unit]:
    return [Unit(name, {"server": "-", "problem": problem})]


def _kept(path: str | None, may_be_new: bool) -> list[dict[str, Any]]:
    if not path or (may_be_new and not Path(path).exists()):
        return []
    try:
        return baseline_file.load(_text_files.whole(path), path)
    except OSError as exc:
        raise AnsibleActionFail(
            f"Expected accepted fingerprints in {path}, could not read it. Write it with accept, or correct baseline."
        ) from exc
    except baseline_file.BaselineError as exc:
        raise AnsibleActionFail("The baseline cannot be used.") from exc


def _show(report: Mapping[str, Any]) -> None:
    display = Console()
    display.display("\n".join(["", *report["table"], ""]))
    display.display(paragraph(report["sentence"], WIDTH) + "\n", color="green" if report["accepted"] else "red")
