# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image users - the containers that keep an image from being removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_bringing import ImageError


def refuse_used(engine: Engine, name: str, image: Mapping[str, Any]) -> None:
    """Refuse to remove an image that a container was made of, running or not. Raises ImageError and EngineError."""
    users = [row for row in engine.all_containers() if row.get("ImageID") == image["Id"]]
    if not users:
        return
    names = ", ".join(str((row.get("Names") or [row["Id"]])[0]).lstrip("/") for row in users)
    raise ImageError(
        f"expected to remove the image {name}, but it is used by: {names}; remove the container first",
        cause=f"the image is used by {names}",
        remedy="remove the container first (vllm_container, state: absent)",
    )
