# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image job - brings an image from a process of its own, see _job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job, _server_state
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_outcome import Outcome
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_state import converge

# What makes two calls one job.
_ABOUT = ("image", "source", "mirror", "archive", "peer", "digest")


def image_job(
    parameters: Mapping[str, Any],
    result: Callable[[Outcome], dict[str, Any]],
    failure: Callable[[Exception], _job.JobFailure],
) -> str:
    """Have the image brought, by a process that may do so already; return the path of its status file.

    At its end the status holds `result`, what the module returns. Raises StateError and DetachError.
    """
    key = hashlib.sha256(parameters["image"].encode()).hexdigest()[:16]
    folder = _server_state.open_folder(parameters["state_path"], f"images/{key}")

    def work(report: _job.Report) -> dict[str, Any]:
        try:
            return {"result": result(converge(connect(parameters["docker_host"]), parameters, False, report))}
        except Exception as exc:
            raise failure(exc) from exc

    about = {name: parameters[name] for name in _ABOUT}
    return _job.ensure(folder, about, work, {})
