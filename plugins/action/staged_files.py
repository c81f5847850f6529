# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring files from the controller to the host over Ansible's connection, and show how far they have come."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import Parcel, ParcelError, open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel_files import SPEC, Selection, damaged_text, select
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sums import SumsError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._follower import FollowingAction
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._progress import interval_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sender import MEMORY, Progress, Sender, SendError

_MODULE = "gpt_oss.fleet.staged_files"


class ActionModule(FollowingAction):
    """The controller's side: it reads the files once, hashes what it sends, and the module puts it into its place."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        params = self.validate_argument_spec(SPEC)[1]
        if params["remote_src"]:
            return self._execute_module(_MODULE, dict(self._task.args), task_vars=task_vars)
        try:
            parcel = open_parcel(params["src"])
            memory = SumMemory(MEMORY)
            selection = select(parcel, params, memory.sums)
            return self._bring(parcel, selection, params, task_vars)
        except (ParcelError, SumsError, SendError, OSError) as exc:
            raise AnsibleActionFail(str(exc)) from exc

    def _bring(
        self, parcel: Parcel, selection: Selection, params: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        wanted = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in selection.files]
        # The task's own paths go on, not the validated ones: a ~ is the host's, not the controller's.
        place = {name: self._task.args[name] for name in ("src", "dest", "known") if name in self._task.args}
        told = plain(place | {"wanted": wanted})
        seen = self._execute_module(_MODULE, told | {"state": "looked"}, task_vars=task_vars)
        if seen.get("failed"):
            return seen
        result = {name: seen[name] for name in ("path", "is_known", "files", "bytes")}
        if self._task.check_mode or not seen["missing"]:
            return result | {"changed": bool(seen["missing"]), "seconds": 0.0}
        begin = time.monotonic()
        damaged = self._send(parcel, selection, seen, task_vars)
        absent = {item["name"] for item in seen["missing"]}
        told = plain(place | {"wanted": [item for item in wanted if item["name"] in absent], "state": "settled"})
        settled = self._execute_module(_MODULE, told, task_vars=task_vars)
        if settled.get("failed"):
            return settled
        if damaged:
            raise SendError(damaged_text(parcel.path, [selection.prefix + name for name in damaged]))
        if settled["damaged"]:
            raise SendError(
                f"wanted {', '.join(settled['damaged'])} in {seen['path']} as sent, found otherwise; the disk or the "
                "memory of the host is at fault, or another process wrote there. Run again"
            )
        return result | {"changed": True, "seconds": round(time.monotonic() - begin, 1)}

    def _send(self, parcel: Parcel, selection: Selection, seen: dict[str, Any], task_vars: dict[str, Any]) -> list[str]:
        """Send what is missing; return the names of files that are damaged on the controller."""
        offsets = {item["name"]: item["offset"] for item in seen["missing"]}
        host = str(task_vars.get("inventory_hostname", "host"))
        interval = interval_of(len(task_vars.get("ansible_play_hosts") or []))
        progress = Progress(host, seen["bytes"], self.shower(task_vars), interval)
        sender = Sender(self._command, parcel, selection.prefix, seen["path"], progress)
        return [
            file.name
            for file in selection.files
            if file.name in offsets and not sender.send(file, int(offsets[file.name]))
        ]

    def _command(self, command: str, data: bytes) -> tuple[int, str]:
        answer = self._low_level_execute_command(command, in_data=data)
        return int(answer["rc"]), str(answer["stderr"] or answer["stdout"]).strip()
