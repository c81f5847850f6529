# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failure - one class of failures, as the tables _failures_*.py hold them."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """One class of failures.

    `name` is stable: users may act on it; a class may have several rows. `pattern` is a regular expression, searched in
    the log less the prefixes that vLLM puts before its lines. Its named groups, `line` (the one that matched), `model`
    and `port` (as vLLM was told) fill {braces} in `cause` and `remedy`. `seen` says where the text comes from: a run, a
    source, or the words of a vendor or a reporter. `facts` is the row of the project's fact sheet.
    """

    name: str
    pattern: str
    cause: str
    remedy: str
    seen: str
    facts: str = ""
