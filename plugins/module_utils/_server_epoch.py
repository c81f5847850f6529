# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server epoch, one life of a server's process: what tells it from the life before and after. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import MetricsError, samples
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container

# The Prometheus client's own metric; where several API servers answer in turn it is not told.
_START = "process_start_time_seconds"


class Epoch(NamedTuple):
    """What is seen of one life; None where it is not told. Times are seconds since the epoch."""

    container_id: Optional[str]
    started: Optional[float]
    version: Optional[str]

    def event(self, at: str, cause: str = "") -> dict[str, Any]:
        """Return the journal's line that says that from here on this life answers; ``cause`` ended the one before."""
        return {"event": "epoch", "at": at, **self._asdict(), "cause": cause}


def epoch_of(container: Optional[Container], metrics: Optional[str], version: Optional[str]) -> Epoch:
    """Return the epoch from a look at the container, or without one at the metrics, and the server's version."""
    if container is not None:
        return Epoch(container.id, container.started, version)
    return Epoch(None, None if metrics is None else _process_start(metrics), version)


def _process_start(metrics: str) -> Optional[float]:
    try:
        return next((sample.value for sample in samples(metrics, (_START,))), None)
    except MetricsError:
        return None
