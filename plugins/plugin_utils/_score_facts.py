# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: score facts, the score rows of a host with fresh ones added."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

FACT = "gpt_oss_scores"


def with_facts(result: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result whose `scores` are registered, beside the host's rows of other servers, tasks and efforts."""
    rows = [row | {"registered": time.time()} for row in result["scores"]]
    known = (task_vars.get("ansible_facts") or {}).get(FACT) or []
    facts = merge_rows(known, [compact(row) for row in rows])
    return result | {"scores": rows, "ansible_facts": {FACT: facts}}


def compact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its outcomes as one text, "5/8 8/8 ...": right and measured answers to each question.

    Ansible copies and templates each element of each host's facts again and again; a text is one element.
    """
    outcomes = row.get("outcomes")
    if not outcomes or isinstance(outcomes, str):
        return dict(row)
    return {**row, "outcomes": " ".join(f"{correct}/{measured}" for correct, measured in outcomes)}


def merge_rows(known: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the known rows with the fresh ones in the place of those of the same server, task and effort."""
    replaced = {_key(row) for row in fresh}
    return [row for row in known if _key(row) not in replaced] + fresh


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row.get("server"), row.get("task"), row.get("reasoning_effort")
