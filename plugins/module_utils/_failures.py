# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures - the tables of failure classes together, in the order in which they are tried.

Within the log of one process the first row that fits counts, so special rows stand before general ones. The rows
themselves are data: _failures_*.py.
"""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_arguments import ARGUMENTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_concern import CONCERNS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_engine import ENGINE
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_exit import (
    EXITS,
    HOST_FULL,
    KERNEL,
    LIMIT_HIT,
    OOM_KILLED,
    READ_LOG,
    STOPPED,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_general import GENERAL
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_gpu import GPU
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_hang import HANGS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_host import HOST
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures_model import MODEL

__all__ = [
    "ARGUMENTS",
    "CAUSES",
    "CONCERNS",
    "ENGINE_FAILURES",
    "EXITS",
    "FAILURES",
    "GENERAL",
    "GPU",
    "HANGS",
    "HOST",
    "HOST_FULL",
    "KERNEL",
    "LIMIT_HIT",
    "MODEL",
    "OOM_KILLED",
    "READ_LOG",
    "STOPPED",
    "Failure",
]

# Read in the log of a container that ended.
CAUSES = ARGUMENTS + GPU + MODEL + HOST
FAILURES = CAUSES + GENERAL

# Read in what the Docker Engine says when it refuses.
ENGINE_FAILURES = ENGINE
