"""Keep each result of a run as a callback gets it: what ARA, AWX and the like keep."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: every_result
type: aggregate
short_description: Keep each result
description:
  - Adds each result, of items too, to a file, a line of JSON each, with the task's name and the host's.
requirements:
  - enabled by ANSIBLE_CALLBACKS_ENABLED, found by ANSIBLE_CALLBACK_PLUGINS
options:
  path:
    description: The file.
    env:
      - name: EVERY_RESULT_FILE
    required: true
"""


class CallbackModule(CallbackBase):
    """Writes while the run goes on."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "every_result"
    CALLBACK_NEEDS_ENABLED = True

    def _keep(self, result: Any) -> None:
        row = {"host": result.host.get_name(), "task": result.task.get_name(), "result": result.result}
        with open(os.environ["EVERY_RESULT_FILE"], "a") as file:
            file.write(json.dumps(row, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._keep(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._keep(result)
