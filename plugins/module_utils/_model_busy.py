# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model busy - who changes a model of the cache at this moment. Standard library only."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_holdings import entries
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import is_held
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import folder_of


def is_brought(folder: Path) -> str:
    """Return who brings a model of the cache, in a few words; empty when nobody does. Makes nothing."""
    return "a run that brings it" if is_held(folder_of(folder) / "lock") else is_brought_otherwise(folder)


def is_brought_otherwise(folder: Path) -> str:
    """Return the same, the lock that a run of this collection holds left aside."""
    if any(_job_status.is_running(job) for job in entries(folder_of(folder) / "jobs")):
        return "a job that brings it"
    # The locks of huggingface_hub, one for each blob; they stay after their end, and nobody holds them then.
    locks = (folder.parent / ".locks" / folder.name).glob("*.lock")
    return "a download by huggingface_hub" if any(is_held(lock) for lock in locks) else ""
