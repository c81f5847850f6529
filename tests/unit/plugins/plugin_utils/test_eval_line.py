# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_line import eval_line

CELL = {
    "task": "gpqa", "effort": "low", "done": 8, "total": 16, "correct": 3, "measured": 6, "errors": 2,
    "standard_error": 0.0312,
}  # fmt: skip
NEXT = {**CELL, "effort": "high", "done": 0, "correct": 0, "measured": 0, "errors": 0, "standard_error": None}
STATUS = {
    "server": "s", "state": "running", "rate": 1.25, "tokens_per_second": 1234.5, "eta_s": 19.2, "cells": [CELL, NEXT],
    "trouble": "", "phase": "asking",
}  # fmt: skip
PAUSE = {"phase": "paused", "phase_seconds": 42.4, "cause": "CUDA out of memory", "remedy": "lower it", "eta_s": None}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {},
            "[h] s: gpqa low 8/16, score 50.0 +/- 3.1, all 8/32, 2 errors, 1.2 requests/s, 1234 tokens/s, 0:19 left",
        ),
        (
            {"cells": [{**CELL, "done": 16}, NEXT], "eta_s": None, "tokens_per_second": 0.0},
            "[h] s: gpqa high 0/16, no score yet, all 16/32, 2 errors, 1.2 requests/s",
        ),
        (
            {"cells": [{**CELL, "done": 16}], "trouble": "HTTP 503"},
            "[h] s: gpqa low 16/16, score 50.0 +/- 3.1, 2 errors, 1.2 requests/s, 1234 tokens/s, 0:19 left, "
            "retrying: HTTP 503",
        ),
        (
            # All cells at once: those under way, not those that wait.
            {"cells": [NEXT, CELL, {**CELL, "effort": "medium"}, {**CELL, "task": "aime25", "standard_error": None}]},
            "[h] s: gpqa low 8/16, score 50.0 +/- 3.1; gpqa medium 8/16, score 50.0 +/- 3.1; 1 more under way, "
            "all 24/64, 6 errors, 1.2 requests/s, 1234 tokens/s, 0:19 left",
        ),
        (
            PAUSE,
            "[h] s: gpqa low 8/16, score 50.0 +/- 3.1, all 8/32, 2 errors, "
            "PAUSED for 0:42: CUDA out of memory; lower it",
        ),
        (
            {**PAUSE, "phase": "restarting", "cause": "", "remedy": ""},
            "[h] s: gpqa low 8/16, score 50.0 +/- 3.1, all 8/32, 2 errors, RESTARTING for 0:42",
        ),
        (
            {"state": "finished", "cells": [{**CELL, "done": 16}]},
            "[h] s: gpqa low 16/16, score 50.0 +/- 3.1, 2 errors, finished",
        ),
        (
            {
                "servers": [
                    {"endpoint": "a:1", "phase": "asking"},
                    {"endpoint": "a:2", "phase": "paused", "cause": "gone"},
                ]
            },
            "[h] s: gpqa low 8/16, score 50.0 +/- 3.1, all 8/32, 2 errors, 1.2 requests/s, 1234 tokens/s, 0:19 left, "
            "1 of 2 replicas down (a:2: gone)",
        ),
        ({"cells": []}, "[h] s: running"),
    ],
)
def test_progress_lines(change: dict[str, Any], line: str) -> None:
    assert eval_line("h", {**STATUS, **change}) == line


def test_the_status_of_a_job_of_an_earlier_version_is_understood() -> None:
    old = {name: value for name, value in STATUS.items() if name not in ("phase", "tokens_per_second")}
    cells = [{name: value for name, value in CELL.items() if name != "standard_error"}]
    assert eval_line("h", {**old, "cells": cells}) == (
        "[h] s: gpqa low 8/16, score 50.0, 2 errors, 1.2 requests/s, 0:19 left"
    )
