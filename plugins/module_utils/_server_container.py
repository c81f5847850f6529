# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server container, what an eval needs of its server's container. Docker's is in _server_restart.py."""

from __future__ import annotations

from typing import NamedTuple, Optional, Protocol

from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import Logged
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import Verdict

_UNCONTAINED = "start the server again; the eval goes on by itself"


class ContainerTrouble(Exception):
    """The container's engine gives no answer, or refuses."""


class Explanation(NamedTuple):
    """Why a server is down, and what to do about it, as sentences."""

    cause: str
    remedy: str


class ServerContainer(Protocol):
    """The container of an evaluated server. The methods block: they belong into a thread."""

    def inspect(self) -> Optional[Container]:
        """Return the container as it stands, None for none. Raises ContainerTrouble."""

    def explain(self, verdict: Verdict, since: Optional[float]) -> Explanation:
        """Return what the log and the host tell of a server that is down; ``since`` is its life's start."""

    def logged(self) -> Logged:
        """Return what the log of the last start tells of the server's room; nothing where it cannot be read."""

    def restart(self) -> None:
        """Stop the container, if it runs, and start it again as it is. Raises ContainerTrouble."""


def explain_uncontained(verdict: Verdict) -> Explanation:
    """Return what can be told of a server that was started without a container."""
    return Explanation(verdict.text, _UNCONTAINED)
