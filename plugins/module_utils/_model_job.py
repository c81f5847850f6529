# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model job - brings a model from a process of its own, see _job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job
from ansible_collections.gpt_oss.fleet.plugins.module_utils._disk_trouble import disk_trouble
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_state import Bringing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Outcome, Wish

# What makes two calls one job.
_ABOUT = ("repo_id", "revision", "state", "source", "allow_patterns", "ignore_patterns", "offline")


def model_job(parameters: Mapping[str, Any], wish: Wish, result: Callable[[Outcome], dict[str, Any]]) -> str:
    """Have the model brought, by a process that may do so already; return the path of its status file.

    At its end the status holds `result`, what the module returns. Raises DetachError.
    """
    about = {name: parameters[name] for name in _ABOUT}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    folder = folder_of(wish.folder) / "jobs" / key
    folder.mkdir(parents=True, exist_ok=True)

    def work(report: _job.Report) -> dict[str, Any]:
        try:
            return {"result": result(Bringing(wish, report).run())}
        except (CacheError, OSError) as exc:
            raise _job.JobFailure(failure_text(parameters, exc)) from exc

    return _job.ensure(folder, about, work, {})


def failure_text(parameters: Mapping[str, Any], exc: Exception) -> str:
    """Return what is told of a failure; the system's own errors get their remedy."""
    text = disk_trouble(exc, "the model", parameters["cache_dir"]) if isinstance(exc, OSError) else None
    return f"{parameters['repo_id']}: {text or exc}"
