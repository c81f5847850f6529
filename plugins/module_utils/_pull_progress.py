# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: pull progress - what the engine says while it pulls or loads, added up.

The engine sends a JSON object a line: `id` names a layer, `status` says what is done with it, `progressDetail` holds
`current` and `total` bytes (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageCreate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

Report = Callable[[dict[str, Any]], None]

# How far a layer is, by the first words of the engine's status.
_PHASES = (
    ("Pulling fs layer", "waiting"),
    ("Waiting", "waiting"),
    ("Downloading", "download"),
    ("Verifying Checksum", "downloaded"),
    ("Download complete", "downloaded"),
    ("Extracting", "extract"),
    ("Pull complete", "done"),
    ("Already exists", "present"),
    ("Loading layer", "load"),
)
_ENDED = ("done", "present")


@dataclass
class _Layer:
    phase: str = "waiting"
    bytes_done: int = 0
    bytes_total: int = 0


@dataclass
class PullProgress:
    """The progress of one image. `sent` and `to_send` are the bytes of an archive or a transfer given to the engine."""

    sent: int = 0
    to_send: int = 0
    loaded: list[str] = field(default_factory=list)
    digest: str = ""
    _layers: dict[str, _Layer] = field(default_factory=dict)

    def feed(self, line: Mapping[str, Any]) -> None:
        """Take one line in. A line that is not known changes nothing."""
        status, layer_id = str(line.get("status") or ""), str(line.get("id") or "")
        if status.startswith("Digest: "):
            self.digest = status[len("Digest: ") :].strip()
        said = str(line.get("stream") or "").strip()
        for words in ("Loaded image ID: ", "Loaded image: "):
            if said.startswith(words):
                self.loaded.append(said[len(words) :])
        phase = next((phase for words, phase in _PHASES if status.startswith(words)), None)
        if phase and layer_id:
            self._advance(self._layers.setdefault(layer_id, _Layer()), phase, line.get("progressDetail") or {})

    def _advance(self, layer: _Layer, phase: str, detail: Mapping[str, Any]) -> None:
        layer.phase = phase
        if phase in ("download", "load"):
            layer.bytes_total = max(int(detail.get("total") or 0), layer.bytes_total)
            layer.bytes_done = max(int(detail.get("current") or 0), layer.bytes_done)
        elif phase in ("downloaded", "extract", "done"):
            layer.bytes_done = layer.bytes_total

    @property
    def layers(self) -> int:
        """Return the number of layers that the engine has named."""
        return len(self._layers)

    @property
    def moved(self) -> int:
        """Return the bytes that came: downloaded, or sent to the engine."""
        return self.sent or sum(layer.bytes_done for layer in self._layers.values())

    def snapshot(self) -> dict[str, Any]:
        """Return phase, bytes_done, bytes_total, layers_done, layers_total and percentage.

        The percentage is that of the bytes known so far, as a layer tells its size when its turn comes; None: unknown.
        """
        layers = list(self._layers.values())
        done, total = self.sent, self.to_send
        if not self.to_send and not self.sent:
            done = sum(layer.bytes_done for layer in layers)
            total = sum(layer.bytes_total for layer in layers)
        return {
            "phase": self._phase(),
            "bytes_done": done,
            "bytes_total": total,
            "layers_done": sum(_ended(layer) for layer in layers),
            "layers_total": len(layers),
            "percentage": round(min(100.0, 100 * done / total), 1) if total else None,
        }

    def _phase(self) -> str:
        """Return the phase that the slowest of the moving layers is in."""
        phases = {layer.phase for layer in self._layers.values()}
        if not phases:
            return "transfer" if self.sent or self.to_send else "ask"
        if "load" in phases:
            return "load"
        for phase, shown in (("download", "download"), ("waiting", "download"), ("downloaded", "extract")):
            if phase in phases:
                return shown
        return "extract" if "extract" in phases else "done"


class Reporter:
    """Hands snapshots to a function, not more often than the percentage, the layers or the phase change."""

    def __init__(self, progress: PullProgress, report: Optional[Report]) -> None:
        self.progress = progress
        self._report = report
        self._last: Optional[tuple[Any, ...]] = None

    def feed(self, line: Mapping[str, Any]) -> None:
        """Take a line in and tell."""
        self.progress.feed(line)
        self.tell()

    def sent(self, size: int) -> None:
        """Count bytes that were given to the engine, and tell."""
        self.progress.sent += size
        self.tell()

    def tell(self) -> None:
        """Hand a snapshot over when it shows something new."""
        if self._report is None:
            return
        now = self.progress.snapshot()
        seen = (now["phase"], now["layers_done"], now["layers_total"], int(now["percentage"] or 0))
        if seen != self._last:
            self._last = seen
            self._report(now)


def _ended(layer: _Layer) -> bool:
    return layer.phase in _ENDED or (layer.phase == "load" and 0 < layer.bytes_total <= layer.bytes_done)
