# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: progress, decides how much of a long job's progress is shown, and shows it.

The variable gpt_oss_progress says how: `live` shows a line each few seconds, `terse` one line where something new
begins, `off` none. `auto` is `live` on a terminal and `terse` elsewhere: in CI, under ansible-runner as in AWX, and
where the output goes to a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MODES = ("auto", "live", "terse", "off")
INTERVAL = 5.0
# However large the fleet, a person can read so many lines a second at most.
_LINES_A_SECOND = 4.0
# Asked here, when the strategy loads the plugin: a task's own process has no terminal.
_ON_TERMINAL = sys.stdout.isatty()
# ansible-runner gives its playbook a terminal that nobody looks at, and keeps each line as an event.
_RUNNER = "AWX_ISOLATED_DATA_DIR"


def mode_of(asked: str, environment: Mapping[str, str], on_terminal: bool = _ON_TERMINAL) -> str:
    """Return live, terse or off. ValueError when something else was asked for."""
    if asked not in MODES:
        raise ValueError(f"gpt_oss_progress must be one of {', '.join(MODES)}; found {asked!r}")
    if asked != "auto":
        return asked
    unwatched = environment.get("CI", "").lower() not in ("", "0", "false") or _RUNNER in environment
    return "live" if on_terminal and not unwatched else "terse"


def interval_of(hosts: int) -> float:
    """Return the seconds between two lines of one host, so that all hosts together stay readable."""
    return max(INTERVAL, hosts / _LINES_A_SECOND)


@dataclass
class Shower:
    """Shows progress lines. In the mode terse only those whose subject, such as a stage, is new."""

    mode: str
    write: Callable[[str], Any]
    _subject: Any = field(default_factory=object)

    def show(self, subject: Any, line: str) -> None:
        """Show a line about a subject, if it is wanted."""
        new = subject != self._subject
        self._subject = subject
        if self.mode == "live" or (self.mode == "terse" and new):
            self.write(line)
