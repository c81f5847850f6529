# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: configuration, what the variable VLLM_SIMULATOR asks for, parsed and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from simulator.faults import Fault, FaultError, parse_fault
from simulator.questions import READERS

EFFORTS = ("low", "medium", "high")


class ConfigurationError(Exception):
    """VLLM_SIMULATOR holds something that the simulator cannot do."""


@dataclass(frozen=True)
class Target:
    """How many answers of one task at one reasoning effort are right: an exact count, or a probability."""

    correct: int | None = None
    accuracy: float = 1.0


@dataclass(frozen=True)
class Configuration:
    """One simulated server. Seconds are wall-clock seconds; accuracies are fractions (0.1 is ten points)."""

    seed: int = 0
    data: Mapping[str, Sequence[str]] = field(default_factory=dict)
    repeats: int = 8
    repeat_by: str = "body"
    answers: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)
    accuracy_drop: float = 0.0
    start_seconds: float = 0.5
    latency_seconds: float = 0.0
    prefill_seconds: float = 0.0
    dead_seconds: float = 4.0
    faults: Sequence[Fault] = ()
    weights: int = 0
    logprob_noise: float = 0.0
    version: str = "0.32.0"
    moe_activation: str = ""
    gpus: int = 8
    require_model: bool = False
    access_log: bool | None = None

    def target(self, task: str, effort: str) -> Target:
        """Return what is wanted of one cell; without a word on it every answer is right."""
        return self.answers.get(task, {}).get(effort, Target())


def read_configuration(value: str) -> Configuration:
    """Parse inline JSON or `@/path/to/file.json`; an empty value gives the defaults.

    Raises ConfigurationError naming the key, what was found and what to write.
    """
    try:
        text = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
        raw = json.loads(text) if text.strip() else {}
    except OSError as error:
        raise ConfigurationError(
            f"VLLM_SIMULATOR names the file {value[1:]!r}, which cannot be read: {error}"
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"VLLM_SIMULATOR must hold a JSON object or @FILE, found no JSON: {error}") from None
    return parse_configuration(raw)


def parse_configuration(raw: Any) -> Configuration:
    """Turn the decoded JSON object into a Configuration. Raises ConfigurationError."""
    if not isinstance(raw, dict):
        raise ConfigurationError(f"VLLM_SIMULATOR must hold a JSON object, found {type(raw).__name__}")
    known = [item.name for item in fields(Configuration)]
    unknown = sorted(set(raw) - set(known))
    if unknown:
        raise ConfigurationError(f"unknown key(s) {', '.join(unknown)}; known are {', '.join(known)}")
    values: dict[str, Any] = dict(raw)
    values["data"] = _parse_data(raw.get("data", {}))
    values["answers"] = _parse_answers(raw.get("answers", {}), values["data"])
    try:
        values["faults"] = tuple(parse_fault(fault) for fault in raw.get("faults", []))
    except FaultError as error:
        raise ConfigurationError(f"faults: {error}") from None
    _check_numbers(raw)
    return Configuration(**values)


def _check_numbers(raw: Mapping[str, Any]) -> None:
    for name in ("start_seconds", "latency_seconds", "prefill_seconds", "dead_seconds"):
        if not _is_number(raw.get(name, 0)) or raw.get(name, 0) < 0:
            raise ConfigurationError(f"{name} must be a number of seconds from 0, found {raw[name]!r}")
    for name in ("repeats", "gpus"):
        if not isinstance(raw.get(name, 1), int) or raw.get(name, 1) < 1:
            raise ConfigurationError(f"{name} must be a whole number from 1, found {raw[name]!r}")
    for name in ("seed", "weights"):
        if not isinstance(raw.get(name, 0), int):
            raise ConfigurationError(f"{name} must be a whole number, found {raw[name]!r}")
    if not _is_number(raw.get("logprob_noise", 0.0)) or raw.get("logprob_noise", 0.0) < 0:
        raise ConfigurationError(f"logprob_noise must be a number of nats from 0, found {raw['logprob_noise']!r}")
    if raw.get("moe_activation", "") not in ("", "bf16", "mxfp8"):
        raise ConfigurationError(f"moe_activation must be bf16 or mxfp8, found {raw['moe_activation']!r}")
    if raw.get("repeat_by", "body") not in ("body", "arrival"):
        raise ConfigurationError(f"repeat_by must be body or arrival, found {raw['repeat_by']!r}")
    _check_fraction("accuracy_drop", raw.get("accuracy_drop", 0.0))


def _parse_data(raw: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict) or set(raw) - set(READERS):
        raise ConfigurationError(f"data must map {', '.join(READERS)} to lists of files, found {raw!r}")
    for task, paths in raw.items():
        if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
            raise ConfigurationError(f"data.{task} must be a list of files, found {paths!r}")
    return {task: tuple(paths) for task, paths in raw.items()}


def _parse_answers(raw: Any, data: Mapping[str, Any]) -> dict[str, dict[str, Target]]:
    if not isinstance(raw, dict):
        raise ConfigurationError(f"answers must map tasks to reasoning efforts, found {raw!r}")
    answers: dict[str, dict[str, Target]] = {}
    for task, cells in raw.items():
        if task not in data:
            raise ConfigurationError(f"answers.{task} needs the questions: name their files in data.{task}")
        if not isinstance(cells, dict) or set(cells) - set(EFFORTS):
            raise ConfigurationError(f"answers.{task} must map {', '.join(EFFORTS)} to targets, found {cells!r}")
        answers[task] = {effort: _parse_target(f"answers.{task}.{effort}", cell) for effort, cell in cells.items()}
    return answers


def _parse_target(name: str, raw: Any) -> Target:
    if not isinstance(raw, dict) or len(raw) != 1 or set(raw) - {"correct", "accuracy"}:
        raise ConfigurationError(f'{name} must be {{"correct": COUNT}} or {{"accuracy": FRACTION}}, found {raw!r}')
    if "accuracy" in raw:
        _check_fraction(f"{name}.accuracy", raw["accuracy"])
        return Target(accuracy=raw["accuracy"])
    if not isinstance(raw["correct"], int) or raw["correct"] < 0:
        raise ConfigurationError(f"{name}.correct must be a whole number from 0, found {raw['correct']!r}")
    return Target(correct=raw["correct"])


def _check_fraction(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name} must be a fraction from 0 to 1 (0.1 is ten points), found {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
