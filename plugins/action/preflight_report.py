# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action preflight_report: shows what preflight found wrong with a host, and fails the host by its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._console import Console
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"verdict": {"type": "dict", "required": True}}


class ActionModule(ActionBase):
    """Show the verdict. Nothing is sent to any host, and nothing is changed, so check mode makes no difference."""

    _requires_connection = False
    _supports_check_mode = True

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        _result, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        host = str((task_vars or {}).get("inventory_hostname"))
        verdict = arguments["verdict"]
        display = Console()
        display.display(f"{host} is {verdict['sentence']}", color=colour(verdict))
        if verdict["table"]:
            display.display("\n".join(["", *map(str, verdict["table"]), ""]))
        if not verdict["ok"]:
            raise AnsibleActionFail(refusal(host, verdict))
        return {**result, "changed": False}


def colour(verdict: Mapping[str, Any]) -> str:
    """Return the colour of a host's sentence."""
    return "red" if not verdict["ok"] else "yellow" if verdict["problems"] else "green"


def refusal(host: str, verdict: Mapping[str, Any]) -> str:
    """Return why a host is refused, in one sentence: the table has said the rest."""
    failing = verdict["failing"]
    names = ", ".join(dict.fromkeys(str(problem["id"]) for problem in failing))
    count = f"{len(failing)} problem{'' if len(failing) == 1 else 's'}"
    return (
        f"{host} is not ready for gpt-oss: {count} ({names}). The table above tells what was wanted, what was found "
        "and what to do. Nothing was changed by preflight."
    )
