# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: console, where actions show their tables and sentences. What hosts told is in them, and is only shown."""

from __future__ import annotations

from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import visible


class Console:
    """Ansible's display for text of hosts: no character in it moves the cursor or writes the terminal's title."""

    def display(self, text: str, color: str | None = None) -> None:
        """Show a text."""
        Display().display(visible(text), color=color)

    def warning(self, text: str) -> None:
        """Show a warning."""
        Display().warning(visible(text))
