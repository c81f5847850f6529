"""Runs steps one after the other within a budget, goes on after one that fails, and writes down how each went."""

from __future__ import annotations

import json
import tarfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A step that has less than this share of its limit left to it is not begun.
_LEAST_SHARE = 0.4


class StepFailed(Exception):
    """What a step found is not what was wanted. The text says both."""


@dataclass(frozen=True)
class Step:
    """One thing to show: its name, what it does, its limit in seconds, and the steps without which it is not run."""

    name: str
    run: Callable[[], Mapping[str, Any] | None]
    seconds: int
    needs: tuple[str, ...] = ()


def expect(condition: bool, text: str) -> None:
    """Raise StepFailed with a text unless the condition holds."""
    if not condition:
        raise StepFailed(text)


class Record:
    """What was done so far: results.json, transcript.txt and logs.tar.gz of a folder. A later call goes on from it."""

    def __init__(self, folder: Path, memory: Path, logs: Path, facts: Mapping[str, Any]) -> None:
        self._folder, self._memory, self._logs = folder, memory, logs
        known = json.loads(memory.read_text()) if memory.exists() else {"steps": []}
        self.document: dict[str, Any] = {**known, "machine": {**known.get("machine", {}), **facts}}
        self._begun = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._write()

    def run(self, steps: Sequence[Step], budget: float, patience: float, limit: Callable[[float], None]) -> bool:
        """Run the steps that were not well before; True: all are. `limit` is told when each must end, monotonic."""
        end = self._begun + budget
        for step in steps:
            if self._state(step.name) == "ok":
                continue
            left, wanted = end - time.monotonic(), patience * step.seconds
            idle = [name for name in step.needs if self._state(name) != "ok"]
            if idle or left < _LEAST_SHARE * wanted:
                why = f"it needs {', '.join(idle)}" if idle else f"{left:.0f} s are left of the budget"
                self._note({"name": step.name, "state": "skipped", "why": why, "seconds": 0.0})
                continue
            limit(time.monotonic() + min(wanted, left))
            self._note(_outcome(step))
        return all(self._state(step.name) == "ok" for step in steps)

    def _state(self, name: str) -> str:
        return next((row["state"] for row in self.document["steps"] if row["name"] == name), "")

    def _note(self, row: Mapping[str, Any]) -> None:
        self.document["steps"] = [old for old in self.document["steps"] if old["name"] != row["name"]] + [row]
        print(_line(row), flush=True)
        self._write()

    def _write(self) -> None:
        text = json.dumps(self.document, indent=1)
        self._memory.write_text(text)
        (self._folder / "results.json").write_text(text)
        lines = [_line(row) for row in self.document["steps"]]
        (self._folder / "transcript.txt").write_text("\n".join(lines) + "\n")
        with tarfile.open(self._folder / "logs.tar.gz", "w:gz", compresslevel=6) as archive:
            archive.add(self._logs, "logs")


def _outcome(step: Step) -> dict[str, Any]:
    begun = time.monotonic()
    row: dict[str, Any] = {"name": step.name, "state": "ok"}
    try:
        row["found"] = dict(step.run() or {})
    except StepFailed as exc:
        row.update(state="failed", why=str(exc))
    except Exception as exc:  # a fault of the driver's must not cost the other steps
        row.update(state="failed", why=f"{type(exc).__name__}: {exc}", traceback=traceback.format_exc()[-2000:])
    return {**row, "seconds": round(time.monotonic() - begun, 1)}


def _line(row: Mapping[str, Any]) -> str:
    told = row.get("why") or json.dumps(row.get("found", {}))
    return f"{row['seconds']:7.1f} s  {row['state']:7}  {row['name']}: {told[:1500]}"
