# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: container error - a server could not be brought into the wanted state."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import page_of, with_page


class ContainerError(Exception):
    """The wanted state was not reached. `details` are result values; `docs` is the page of the failure's class."""

    def __init__(self, message: str, **details: Any) -> None:
        page = page_of(details.get("diagnosis"))
        super().__init__(with_page(message, details.get("diagnosis")))
        self.details = {**details, "docs": page} if page else details
