# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: xid_catalog, what the XID errors of NVIDIA's driver mean and how grave they are."""

from __future__ import annotations

from dataclasses import dataclass

INFORMATION = "information"  # Nothing needs to be done.
APPLICATION = "application"  # The program is to be started again; the GPU goes on.
GPU = "gpu"  # The GPU has to be reset, or the fault has to be looked into.
HOST = "host"  # The host has to be restarted.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Xid:
    """One XID: what it means in a few words, and its severity, one of the names above."""

    meaning: str
    severity: str


# Source: NVIDIA's Xid catalogue, https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html. The severity is
# its column "Resolution Bucket (Immediate Action)": IGNORE, RESTART_APP, RESET_GPU, RESTART_BM. XIDs for which it gives
# a work flow or support are under GPU: the hardware is in doubt until somebody has looked.
XIDS = {
    8: Xid("a channel was idle for too long", APPLICATION),
    13: Xid("exception in the graphics engine", APPLICATION),
    31: Xid("page fault in GPU memory", APPLICATION),
    32: Xid("corrupted command stream", APPLICATION),
    43: Xid("a program's channel was stopped", INFORMATION),
    44: Xid("fault during a context switch", INFORMATION),
    45: Xid("a channel was removed after an earlier error", APPLICATION),
    46: Xid("the GPU stopped processing", GPU),
    48: Xid("uncorrectable ECC error", GPU),
    62: Xid("the GPU's micro-controller halted", GPU),
    63: Xid("a memory row was recorded for remapping", INFORMATION),
    64: Xid("a memory row could not be recorded for remapping", GPU),
    66: Xid("illegal access by a driver", INFORMATION),
    68: Xid("exception in a video decoder", APPLICATION),
    69: Xid("error of a class in the graphics engine", APPLICATION),
    74: Xid("NVLink error", GPU),
    78: Xid("a virtual GPU did not start", GPU),
    79: Xid("the GPU has fallen off the bus", HOST),
    92: Xid("many correctable ECC errors", INFORMATION),
    93: Xid("the GPU's information store was erased too often", INFORMATION),
    94: Xid("contained memory error", APPLICATION),
    95: Xid("uncontained memory error", GPU),
    109: Xid("a context switch took too long", GPU),
    110: Xid("security fault", GPU),
    119: Xid("the GPU's firmware (GSP) did not answer", GPU),
    120: Xid("error of the GPU's firmware (GSP)", GPU),
    121: Xid("error of the chip-to-chip link", INFORMATION),
    136: Xid("an NVLink could not be trained", GPU),
    137: Xid("illegal access over NVLink by a program", INFORMATION),
    140: Xid("uncorrectable ECC error that escaped containment", GPU),
    143: Xid("the GPU could not be initialized", GPU),
    144: Xid("NVLink 5 error (SAW)", GPU),
    145: Xid("NVLink 5 error (RLW)", GPU),
    146: Xid("NVLink 5 error (TLW)", GPU),
    147: Xid("NVLink 5 error (TREX)", GPU),
    148: Xid("NVLink 5 error (NVLPW_CTRL)", GPU),
    149: Xid("NVLink 5 error (NETIR)", GPU),
    150: Xid("NVLink 5 error (MSE)", GPU),
    151: Xid("the rotation of encryption keys failed", HOST),
    154: Xid("the action by which the GPU recovers has changed", INFORMATION),
    155: Xid("NVLink error found by software", GPU),
    156: Xid("a resource of the GPU was retired", GPU),
    158: Xid("fatal time-out of the GPU", GPU),
    160: Xid("a memory channel was retired", HOST),
}


def explain(number: int) -> Xid:
    """Return what an XID means."""
    return XIDS.get(number, Xid("not in this collection's list", UNKNOWN))
