# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failure page - where in the collection's documentation a class of failures is told about."""

from __future__ import annotations

from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._cuda_errors import CUDA_CAUSES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import (
    CONCERNS,
    ENGINE_FAILURES,
    EXITS,
    FAILURES,
    HANGS,
    KERNEL,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_proof_causes import ENGINE_CAUSES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGES

# A start ends before the first of these, and is over with the last.
_NOT_STAYED_IN = ("pulled", "first_completion")
HANG_STAGES = tuple(stage for stage in STAGES if stage not in _NOT_STAYED_IN)
# Named where they are told, as no text of others stands behind them.
OWN = ("refused", "wrong_kernel")
PROOF = ("libcuda_missing", "libcuda_broken", "gpus_missing", "gpus_too_many", "timeout", "died", "no_device_nodes")


def classes() -> frozenset[str]:
    """Return the names of all classes of failures that a result can have as its `diagnosis`."""
    rows = (*FAILURES, *KERNEL, *ENGINE_FAILURES, *EXITS, *CONCERNS, *ENGINE_CAUSES)
    told = {row.name for row in rows} | {known.name for known in CUDA_CAUSES.values()} | {*OWN, *PROOF}
    return frozenset(told | {f"hangs_in_{name}" for name in (*(row.name for row in HANGS), *HANG_STAGES)})


_CLASSES = classes()


def page_of(diagnosis: Optional[str]) -> Optional[str]:
    """Return the page of a class, as a path below the collection's folder; None where it is no such class."""
    return f"docs/failures/{diagnosis}.md" if diagnosis in _CLASSES else None


def with_page(message: str, diagnosis: Optional[str]) -> str:
    """Return the message of a failure, ending with where more is told of its class."""
    page = page_of(diagnosis)
    return f"{message.rstrip('. ')}. More: {page}" if page else message
