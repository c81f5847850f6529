# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: start job - watches a server's start from a process of its own, see _job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job, _server_state
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bring_up import bring_up, server_facts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import watched
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError, connect


def start_job(parameters: Mapping[str, Any], container_id: str, key: Optional[str], policy: Optional[str]) -> str:
    """Have the start watched, by a process that may run already; return the path of its status file.

    At its end the status holds `server` (the server's facts) and `warnings`. Raises StateError when no state can be
    kept, DetachError when the process cannot be started.
    """
    name = parameters["name"]
    folder = _server_state.open_folder(parameters["state_path"], name)
    last = _server_state.read(parameters["state_path"], name, "start.json") or {}
    expected = round(sum((last.get("stage_seconds") or {}).values()), 1) or None

    def work(report: _job.Report) -> dict[str, Any]:
        try:
            engine = connect(parameters["docker_host"])
            ready = bring_up(parameters, watched(engine, container_id), key, policy, report)
            return {"server": server_facts(engine, parameters, ready), "warnings": list(ready.warnings)}
        except ContainerError as exc:
            raise _job.JobFailure(str(exc), **exc.details) from exc
        except EngineError as exc:
            found = diagnose_text(str(exc))
            values = {"cause": found.cause, "remedy": found.remedy, "diagnosis": found.name}
            failure = ContainerError(f"{name}: {exc}", **values)
            raise _job.JobFailure(str(failure), **failure.details) from exc

    head = {"server": name, "stage": "created", "expected_seconds": expected}
    return _job.ensure(folder, {"container_id": container_id}, work, head)
