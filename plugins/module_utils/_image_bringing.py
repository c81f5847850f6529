# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image bringing - one image on its way to the engine: what is wanted, what came so far, and the refusal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import digests_of, is_expected, mismatch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_names import ImageNames
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import Reference
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pull_progress import PullProgress, Report, Reporter


class ImageError(Exception):
    """The image is not as wanted. `details` are result values."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


@dataclass
class Bringing:
    """One image on its way. `digests` are those that name it beside what the engine tells."""

    engine: Engine
    reference: Reference
    parameters: Mapping[str, Any]
    report: Optional[Report] = None
    digests: frozenset[str] = frozenset()
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.progress = PullProgress()
        self.reporter = Reporter(self.progress, self.report)

    @property
    def expected(self) -> str:
        """Return the digest that the image must have; empty when any will do."""
        return str(self.parameters["digest"] or "")

    def hurry(self) -> None:
        """Raise EngineError once a pull takes longer than it may."""
        timeout = self.parameters["timeout"]
        if time.monotonic() - self.started > timeout:
            raise EngineError(f"the pull took longer than {timeout:g} s (timeout)")

    def check(self, what: str, image: Mapping[str, Any], names: ImageNames, undo: Sequence[str]) -> None:
        """Refuse an image that is not the expected one, and put the names back. Raises ImageError and EngineError."""
        known = digests_of(image, {"digests": self.digests})
        for expected in (self.reference.digest, self.expected):
            if not is_expected(expected, known):
                names.put_back([*undo, str(image["Id"])])
                raise ImageError(
                    mismatch(what, expected, known) + ". All names are as they were before",
                    cause="the image that came is not the expected one",
                    remedy="correct digest, or look for who changed the image",
                )


def there(engine: Engine, name: str) -> dict[str, Any]:
    """Return an image that must be there. Raises EngineError."""
    image = engine.image(name)
    if image is None:
        raise EngineError(f"the engine says that it brought {name}, but does not find it")
    return image


def refusal(what: str, exc: EngineError) -> ImageError:
    """Return the engine's refusal with cause and remedy."""
    found = diagnose_text(str(exc))
    return ImageError(f"{what}, the engine says: {exc}. Remedy: {found.remedy}", cause=found.cause, remedy=found.remedy)
