# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval specification, the parameters that eval_run and the action plugin eval share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import unknown_tasks

EFFORTS = ("low", "medium", "high")
STATES = ("started", "finished", "reported", "probed", "stopped")

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(STATES), "default": "finished"},
    "server": {"type": "str", "required": True},
    "base_url": {"type": "str"},
    "replicas": {
        "type": "list",
        "elements": "dict",
        "options": {"base_url": {"type": "str", "required": True}, "container": {"type": "str"}},
        "default": [],
    },
    "model": {"type": "str"},
    "api_key_file": {"type": "path", "no_log": False},
    "tasks": {"type": "list", "elements": "str", "default": ["gpqa", "aime25"]},
    "reasoning_efforts": {"type": "list", "elements": "str", "choices": list(EFFORTS), "default": list(EFFORTS)},
    "sampler": {"type": "str", "choices": ["responses", "chat_completions"], "default": "responses"},
    "temperature": {"type": "float", "default": 1.0},
    "max_tokens": {"type": "int", "default": 131072, "no_log": False},
    "n_repeats": {"type": "int", "default": 8},
    "through_repeat": {"type": "int"},
    "max_tokens_fitted_from": {"type": "int", "no_log": False},
    "examples": {"type": "int"},
    "subset": {"type": "int"},
    "subset_seed": {"type": "int", "default": 0},
    "concurrency": {"type": "int", "default": 0},
    "request_timeout": {"type": "float", "default": 3600.0},
    "retry_timeout": {"type": "float", "default": 600.0},
    "max_attempts": {"type": "int", "default": 20},
    "stall_seconds": {"type": "float", "default": 60.0},
    "server_patience": {"type": "float", "default": 1800.0},
    "restart_server": {"type": "bool", "default": False},
    "max_restarts": {"type": "int", "default": 2},
    "max_invalid": {"type": "float", "default": 0.02},
    "max_truncated": {"type": "float", "default": 0.10},
    "data": {"type": "dict"},
    "data_sha256": {"type": "dict", "default": {}},
    "data_origins": {"type": "dict", "default": {}},
    "run_path": {"type": "path", "required": True},
    "container": {"type": "str"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "revision": {"type": "str"},
    "timeout": {"type": "float"},
}
_NEEDED = ("base_url", "model", "data")
REQUIRED_IF = [("state", state, _NEEDED) for state in ("started", "finished", "reported", "probed")]


class SpecError(Exception):
    """A parameter makes no sense."""


@dataclass(frozen=True)
class EvalSpec:
    """One server's eval: all cells (task × reasoning effort) with one set of sampling parameters."""

    server: str
    base_url: str
    replicas: Sequence[Mapping[str, Any]]
    model: str
    api_key_file: Optional[str]
    tasks: Sequence[str]
    reasoning_efforts: Sequence[str]
    sampler: str
    temperature: float
    max_tokens: int
    n_repeats: int
    through_repeat: Optional[int]
    max_tokens_fitted_from: Optional[int]
    examples: Optional[int]
    subset: Optional[int]
    subset_seed: int
    concurrency: int
    request_timeout: float
    retry_timeout: float
    max_attempts: int
    stall_seconds: float
    server_patience: float
    restart_server: bool
    max_restarts: int
    max_invalid: float
    max_truncated: float
    data: Mapping[str, Sequence[str]]
    data_sha256: Mapping[str, Sequence[str]]
    data_origins: Mapping[str, Sequence[str]]
    run_path: str
    container: Optional[str]
    docker_host: str
    revision: Optional[str]

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> EvalSpec:
        """Make a specification from a module's parameters; SpecError lists all that is wrong with them."""
        tables = ("data", "data_sha256", "data_origins")
        names = [name for name in cls.__dataclass_fields__ if name not in tables]
        fields: dict[str, Any] = {name: params[name] for name in names}
        for name in tables:
            fields[name] = _table_of_lists(params.get(name) or {})
        spec = cls(**fields)
        problems = spec.problems()
        if problems:
            raise SpecError("; ".join(problems))
        return spec

    @property
    def folder(self) -> Path:
        """Where this server's journals and status live."""
        return Path(self.run_path) / self.server

    @property
    def servers(self) -> list[EvalSpec]:
        """The specification as each of the servers has it that answer the eval: the first one, then the replicas."""
        others = [replace(self, base_url=one["base_url"], container=one.get("container")) for one in self.replicas]
        return [self, *others]

    @property
    def stops_after(self) -> Optional[int]:
        """The repeat after which the run stops for now; None where it asks all of them."""
        return None if self.through_repeat == self.n_repeats else self.through_repeat

    def problems(self) -> list[str]:
        """Return what is wrong, as sentences; empty when nothing is."""
        found = []
        if "/" in self.server or self.server in ("", ".", ".."):
            found.append(f"server {self.server!r} cannot name a folder; wanted a name without slashes")
        found += _wrong_with_servers(self.servers)
        if self.concurrency < 0:
            found.append(f"concurrency is {self.concurrency}, wanted at least 1, or 0 for what the server has room for")
        for name in ("n_repeats", "max_tokens", "max_attempts"):
            if getattr(self, name) < 1:
                found.append(f"{name} is {getattr(self, name)}, wanted at least 1")
        if self.through_repeat is not None and not 1 <= self.through_repeat <= self.n_repeats:
            found.append(
                f"through_repeat is {self.through_repeat}, wanted 1 to n_repeats ({self.n_repeats}), or none for all"
            )
        for name in ("examples", "subset"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                found.append(f"{name} is {getattr(self, name)}, wanted at least 1, or none for all questions")
        if self.examples is not None and self.subset is not None:
            found.append("examples and subset are both given; wanted one of them, as each draws its own questions")
        if self.restart_server and self.container is None:
            found.append("restart_server is set without container; name the container that may be restarted")
        for name in ("request_timeout", "retry_timeout", "stall_seconds", "server_patience"):
            if math.isnan(getattr(self, name)) or getattr(self, name) <= 0:
                found.append(f"{name} is {getattr(self, name):g} s, wanted more than 0")
        if not 0 <= self.temperature < math.inf:
            found.append(f"temperature is {self.temperature:g}, wanted 0 or more, such as 1.0")
        for name in ("max_invalid", "max_truncated"):
            if not 0 <= getattr(self, name) <= 1:
                found.append(f"{name} is {getattr(self, name):g}, wanted a share, 0 to 1, such as 0.02")
        for name in ("tasks", "reasoning_efforts"):
            if not getattr(self, name):
                found.append(f"{name} is empty, wanted at least one")
        unknown = unknown_tasks(self.tasks)
        if unknown:
            found.append(unknown)
        for task in self.tasks:
            if not self.data.get(task):
                found.append(f"data has no files for task {task}; give data.{task} as a list of paths on the host")
        return found


def _wrong_with_servers(servers: Sequence[EvalSpec]) -> list[str]:
    found, places = [], []
    for one in servers:
        try:
            endpoint = Endpoint.parse(one.base_url)
            places.append((endpoint.host, endpoint.port))
        except ValueError as exc:
            found.append(str(exc))
    if len(set(places)) < len(places):
        found.append("two of base_url and replicas have the same address; give each server's own")
    if len({one.container is None for one in servers}) > 1:
        found.append("of base_url and replicas some have a container and some have none; name each one's, or none")
    return found


def _table_of_lists(table: Mapping[str, Any]) -> dict[str, list[str]]:
    """Take a single value for a list of one."""
    return {
        name: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        for name, value in table.items()
    }
