# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image outcome - what was found and done with one image, and how the result shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import image_digest


@dataclass
class Outcome:
    """What was found and done. `found` and `image` are the inspected image before and after, None: not there."""

    reference: str
    found: Optional[dict[str, Any]] = None
    image: Optional[dict[str, Any]] = None
    changed: bool = False
    source: str = ""
    seconds: float = 0.0
    bytes_moved: int = 0
    layers: int = 0
    vllm_version: str = ""
    warnings: list[str] = field(default_factory=list)


def facts(parameters: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Return the image as the result shows it: the same keys in each state and in check mode."""
    image = outcome.image or {}
    config = image.get("Config") or {}
    digest = image_digest(image)
    return {
        "image": parameters["image"],
        "present": bool(image),
        "reference": outcome.reference,
        "image_id": image.get("Id"),
        "digest": digest if "@" in digest else "",
        "size": image.get("Size"),
        "vllm_version": outcome.vllm_version,
        "entrypoint": config.get("Entrypoint") or [],
        "cmd": config.get("Cmd") or [],
        "user": config.get("User") or "",
        "architecture": image.get("Architecture"),
        "source": outcome.source,
        "pulled": outcome.changed and bool(outcome.source),
        "seconds": round(outcome.seconds, 1),
        "bytes_moved": outcome.bytes_moved,
        "layers": outcome.layers,
    }
