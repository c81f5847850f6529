# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a bundle holds. One on the controller is read here, without a way to the host."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _bundle
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle_models import INFO_SPEC, from_bundle, from_source
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import ParcelError, open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sum_memory import SumMemory
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sums import SumsError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sender import MEMORY
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import sentences

_MODULE = "gpt_oss.fleet.bundle_info"


class ActionModule(ActionBase):
    """Reads on the controller, and leaves a bundle of the host's to the module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    @sentences
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        params = plain(self.validate_argument_spec(INFO_SPEC)[1])
        try:
            own = [self._own(entry) for entry in params["models"] if entry.get("source")]
            wished = [entry for entry in params["models"] if not entry.get("source")]
            found = self._in_bundle(params, wished, task_vars or {})
        except (BundleError, ParcelError, SumsError, OSError, ValueError) as exc:
            raise AnsibleActionFail(str(exc)) from exc
        return found if found.get("failed") else {**found, "models": [*own, *found["models"]]}

    def _own(self, entry: dict[str, Any]) -> dict[str, Any]:
        memory = SumMemory(MEMORY)
        return from_source(entry, memory.sums)

    def _in_bundle(
        self, params: dict[str, Any], wished: list[dict[str, Any]], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        path = params["path"]
        if not path:
            return {"changed": False, "bundle": {}, "models": []}
        if params["remote_src"]:
            # The task's own path goes on: a ~ is the host's, not the controller's.
            args = {"path": str(self._task.args["path"]), "remote_src": True, "models": wished}
            return self._execute_module(_MODULE, args, task_vars=task_vars)
        document = _bundle.read(open_parcel(path))
        models = [from_bundle(document, entry, path, False) for entry in wished]
        return {"changed": False, "bundle": document, "models": models}
