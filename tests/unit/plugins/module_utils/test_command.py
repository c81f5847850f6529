# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import UNUSABLE, ModuleCommands, in_english


class Module:
    """Runs commands as ansible-core's modules do: words become bytes first."""

    def run_command(self, command: list[str], **_options: Any) -> tuple[int, str, str]:
        return 0, b" ".join(word.encode() for word in command).decode(), ""

    def get_bin_path(self, name: str, *_others: Any, **_options: Any) -> str:
        return f"/bin/{name}"


def test_what_can_be_said_is_run() -> None:
    assert in_english(Module())(["apt-cache", "policy", "é"]) == (0, "apt-cache policy é", "")


def test_half_a_character_is_told_and_not_raised() -> None:
    code, output, errors = in_english(Module())(["apt-cache", "policy", "\ud800"])
    assert (code, output) == (UNUSABLE, "")
    assert "no command takes '\\ud800', which holds half a character" in errors
    answer = ModuleCommands(Module()).run("echo", "\ud800")
    assert answer is not None and answer.code == UNUSABLE
