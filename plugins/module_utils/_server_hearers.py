# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: server hearers, whom the watch over an eval's server tells what it saw."""

from __future__ import annotations

from typing import Protocol

from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch


class Books(Protocol):
    """What the watch needs of the cells under way."""

    def positions(self) -> list[int]:
        """Return how far the journals are."""

    def confirm(self, positions: list[int]) -> None:
        """Take the rows up to there for the known server's."""

    def cut_back(self) -> list[str]:
        """File all other rows elsewhere; return where."""

    def note(self, epoch: Epoch, cause: str) -> None:
        """Journal that another life of the server answers from here on."""

    def note_aside(self, cause: str) -> None:
        """Journal that the server is asked nothing from here on."""


class Told(Protocol):
    """Whom the watch tells that its server is down, and that it is back."""

    def pause(self, phase: str, cause: str, remedy: str) -> None:
        """Tell that nothing is asked, and why."""

    def resume(self) -> None:
        """Tell that samples are asked again."""
