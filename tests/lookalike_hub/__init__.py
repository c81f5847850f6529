# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look-alike of the Hugging Face Hub on loopback, with faults: see hub.Hub; ``python tests/lookalike_hub --help``."""

from __future__ import annotations

from .books import Books, Record
from .content import Content, Disk, Generated, Memory
from .faults import Fault
from .hub import Hub
from .process import HubProcess
from .repository import Commit, File, Repository

__all__ = [
    "Books",
    "Commit",
    "Content",
    "Disk",
    "Fault",
    "File",
    "Generated",
    "Hub",
    "HubProcess",
    "Memory",
    "Record",
    "Repository",
]
