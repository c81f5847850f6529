# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: problems, what is wrong with a host: what was wanted, what was found, what to do, and who can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Optional

Severity = Literal["error", "warning"]
FAIL_ON = ("error", "warning", "never")


def problem(
    id: str,
    severity: Severity,
    subject: str,
    wanted: str,
    found: str,
    remedy: str,
    mended_by: Optional[str] = None,
) -> dict[str, Any]:
    """Return one problem as plain data.

    `id` is stable and for machines, `subject` is what the problem is about ("driver", "disk /var/lib/docker"),
    `mended_by` is the role of this collection that mends it by itself. `text` says it all in one sentence.
    """
    return {
        "id": id,
        "severity": severity,
        "subject": subject,
        "wanted": wanted,
        "found": found,
        "remedy": remedy,
        "mended_by": mended_by,
        "text": f"{subject}: wanted {wanted}, found {found}; {remedy}",
    }


def verdict(
    problems: Iterable[dict[str, Any]], fail_on: str = "error", mended_by: Iterable[str] = ()
) -> dict[str, Any]:
    """Return {"problems", "failing", "mended", "ok"}: errors first; what a later role mends does not fail."""
    found = sorted(problems, key=lambda item: item["severity"] != "error")
    menders = set(mended_by)
    mended = [item for item in found if item["mended_by"] in menders]
    failing = [
        item
        for item in found
        if item not in mended and (fail_on == "warning" or (fail_on == "error" and item["severity"] == "error"))
    ]
    return {"problems": found, "failing": failing, "mended": mended, "ok": not failing}
