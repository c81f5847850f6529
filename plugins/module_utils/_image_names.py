# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image names - which image bears which name, and how names that moved are put back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import familiar, parse_reference


class ImageNames:
    """The names as they were when this was made."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        images = engine.images()
        self._before = _by_name(images)
        self._ids = {str(image["Id"]) for image in images}

    def put_back(self, names: Iterable[str], unwanted: bool = True) -> None:
        """Give each name back to the image that bore it, and take it from an image that did not. Ids are names too.

        `unwanted` images go altogether, when they came since. Raises EngineError where the engine does not answer.
        """
        found = [(name, self._engine.image(name)) for name in names]
        for name, now in found:
            if not name.startswith("sha256:"):
                self._restore(name, now)
        arrived = {str(now["Id"]) for _name, now in found if now and unwanted} - self._ids
        for image_id in arrived:
            with suppress(EngineError):  # in use, or gone with its last name
                self._engine.remove_image(image_id)

    def _restore(self, name: str, now: Optional[Mapping[str, Any]]) -> None:
        before = self._before.get(familiar(name))
        if before and (now is None or now["Id"] != before):
            reference = parse_reference(name)
            self._engine.tag(before, reference.name, reference.tag)
        elif not before and now is not None:
            self._engine.remove_image(name)

    def moved(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that another image bore before."""
        found = []
        for name in names:
            before, now = self._before.get(familiar(name)), self._engine.image(name)
            if before and now is not None and now["Id"] != before:
                found.append(name)
        return found


def _by_name(images: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return name → id. The engine shows an image without a name as <none>:<none>."""
    return {
        familiar(name): str(image["Id"])
        for image in images
        for name in image.get("RepoTags") or []
        if not name.startswith("<none>")
    }
