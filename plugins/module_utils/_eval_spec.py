# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: eval specification, the parameters that eval_run and the action plugin eval share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Endpoint

TASK_NAMES = ("gpqa", "aime25")
EFFORTS = ("low", "medium", "high")
STATES = ("started", "finished", "reported", "stopped")

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(STATES), "default": "finished"},
    "server": {"type": "str", "required": True},
    "base_url": {"type": "str"},
    "model": {"type": "str"},
    "api_key_file": {"type": "path", "no_log": False},
    "tasks": {"type": "list", "elements": "str", "choices": list(TASK_NAMES), "default": list(TASK_NAMES)},
    "reasoning_efforts": {"type": "list", "elements": "str", "choices": list(EFFORTS), "default": list(EFFORTS)},
    "sampler": {"type": "str", "choices": ["responses", "chat_completions"], "default": "responses"},
    "temperature": {"type": "float", "default": 1.0},
    "max_tokens": {"type": "int", "default": 131072, "no_log": False},
    "n_repeats": {"type": "int", "default": 8},
    "examples": {"type": "int"},
    "concurrency": {"type": "int", "default": 128},
    "request_timeout": {"type": "float", "default": 3600.0},
    "retry_timeout": {"type": "float", "default": 600.0},
    "max_invalid": {"type": "float", "default": 0.02},
    "max_truncated": {"type": "float", "default": 0.10},
    "data": {"type": "dict"},
    "data_sha256": {"type": "dict", "default": {}},
    "run_path": {"type": "path", "required": True},
    "container": {"type": "str"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "revision": {"type": "str"},
    "timeout": {"type": "float"},
}
_NEEDED = ("base_url", "model", "data")
REQUIRED_IF = [("state", state, _NEEDED) for state in ("started", "finished", "reported")]


class SpecError(Exception):
    """A parameter makes no sense."""


@dataclass(frozen=True)
class EvalSpec:
    """One server's eval: all cells (task × reasoning effort) with one set of sampling parameters."""

    server: str
    base_url: str
    model: str
    api_key_file: Optional[str]
    tasks: Sequence[str]
    reasoning_efforts: Sequence[str]
    sampler: str
    temperature: float
    max_tokens: int
    n_repeats: int
    examples: Optional[int]
    concurrency: int
    request_timeout: float
    retry_timeout: float
    max_invalid: float
    max_truncated: float
    data: Mapping[str, Sequence[str]]
    data_sha256: Mapping[str, Sequence[str]]
    run_path: str
    container: Optional[str]
    docker_host: str
    revision: Optional[str]

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> EvalSpec:
        """Make a specification from a module's parameters; SpecError lists all that is wrong with them."""
        names = [name for name in cls.__dataclass_fields__ if name not in ("data", "data_sha256")]
        fields: dict[str, Any] = {name: params[name] for name in names}
        for name in ("data", "data_sha256"):
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

    def problems(self) -> list[str]:
        """Return what is wrong, as sentences; empty when nothing is."""
        found = []
        if "/" in self.server or self.server in ("", ".", ".."):
            found.append(f"server {self.server!r} cannot name a folder; wanted a name without slashes")
        try:
            Endpoint.parse(self.base_url)
        except ValueError as exc:
            found.append(str(exc))
        for name in ("concurrency", "n_repeats", "max_tokens"):
            if getattr(self, name) < 1:
                found.append(f"{name} is {getattr(self, name)}, wanted at least 1")
        if self.examples is not None and self.examples < 1:
            found.append(f"examples is {self.examples}, wanted at least 1, or none for all questions")
        for name in ("request_timeout", "retry_timeout"):
            if getattr(self, name) <= 0:
                found.append(f"{name} is {getattr(self, name):g} s, wanted more than 0")
        for name in ("tasks", "reasoning_efforts"):
            if not getattr(self, name):
                found.append(f"{name} is empty, wanted at least one")
        for task in self.tasks:
            if not self.data.get(task):
                found.append(f"data has no files for task {task}; give data.{task} as a list of paths on the host")
        return found


def _table_of_lists(table: Mapping[str, Any]) -> dict[str, list[str]]:
    """Take a single value for a list of one."""
    return {
        name: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        for name, value in table.items()
    }
