# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: container error - a server could not be brought into the wanted state."""

from __future__ import annotations

from typing import Any


class ContainerError(Exception):
    """The wanted state was not reached. `details` are result values."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details
