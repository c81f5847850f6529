# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server restart, an evaluated server's container: why it ended, and its restart in place."""

from __future__ import annotations

import itertools
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import NOTHING_LOGGED, Logged, logged
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis, diagnose
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._evidence import explained
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, container_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._remedies import REMEDIES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import ContainerTrouble, Explanation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import STUCK, Verdict

_LOG_LINES = 3000
_START_LINES = 5000  # in which a start tells of its graphs and its KV cache
_STOP_SECONDS = 30


class DockerContainer:
    """The container of an evaluated server, by way of Docker."""

    def __init__(self, docker_host: str, name: str, api_key: Optional[str]) -> None:
        self.name = name
        self._docker_host = docker_host
        self._secrets = [api_key] if api_key else []
        self._engine: Optional[Engine] = None

    def inspect(self) -> Optional[Container]:
        """Return the container as it stands, None for none. Raises ContainerTrouble."""
        try:
            return container_of(self._reached().inspect(self.name))
        except EngineError as exc:
            raise ContainerTrouble(str(exc)) from exc

    def _reached(self) -> Engine:
        if self._engine is None:
            self._engine = connect(self._docker_host)
        return self._engine

    def explain(self, verdict: Verdict, since: Optional[float]) -> Explanation:
        """Return what the log and the host tell of a server that is down; ``since`` is its life's start."""
        remedy = REMEDIES["stuck" if verdict.name == STUCK else "dead"].format(name=self.name)
        try:
            container = self.inspect()
            if container is None:
                return Explanation(verdict.text, REMEDIES["absent"].format(name=self.name))
            if container.paused:
                return Explanation(verdict.text, REMEDIES["paused"].format(name=self.name))
            if verdict.name == STUCK:
                return Explanation(verdict.text, remedy)
            found = self._diagnosed(container, since)
        except (ContainerTrouble, EngineError) as exc:
            return Explanation(f"{verdict.text} (nothing more is known: {exc})", remedy)
        if found.name == "unknown":
            return Explanation(verdict.text, remedy)
        return Explanation(f"{verdict.text}: {found.cause}", found.remedy)

    def _diagnosed(self, container: Container, since: Optional[float]) -> Diagnosis:
        engine = self._reached()
        started = since or container.started
        lines = [
            mask_text(_stages.last_shown(line), self._secrets)
            for line in engine.log_lines(container.id, since=started, tail=_LOG_LINES)
        ]
        # A container that runs again tells nothing of how it ended.
        ended = None if container.serves else container.exit_code
        found = diagnose(lines, ended, container.oom_killed)
        return explained(found, engine, container.id, started)

    def logged(self) -> Logged:
        """Return what the log of the last start tells of the server's room; nothing where it cannot be read."""
        try:
            container = self.inspect()
            if container is None:
                return NOTHING_LOGGED
            lines = self._reached().log_lines(container.id, since=container.started)
            return logged(itertools.islice(lines, _START_LINES))
        except (ContainerTrouble, EngineError):
            return NOTHING_LOGGED

    def restart(self) -> None:
        """Stop the container, if it runs, and start it again as it is. Raises ContainerTrouble."""
        container = self.inspect()
        if container is None:
            raise ContainerTrouble(f"there is no container {self.name}")
        try:
            if container.running:
                self._reached().stop(container.id, _STOP_SECONDS)
            self._reached().start(container.id)
        except EngineError as exc:
            raise ContainerTrouble(str(exc)) from exc
