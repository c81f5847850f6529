# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: CUDA errors - data: what a code of the CUDA Driver API means on a GPU server, and what to do.

Codes: https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html
"""

from __future__ import annotations

from typing import NamedTuple


class CudaCause(NamedTuple):
    """What stands behind a code."""

    name: str
    cause: str
    remedy: str


CUDA_CAUSES = {
    2: CudaCause(
        "out_of_memory",
        "a GPU has no memory left for one more context",
        "stop what holds its memory (nvidia-smi lists it), or lower --gpu-memory-utilization of the server on it",
    ),
    3: CudaCause(
        "not_initialized",
        "the driver in the container cannot be initialized",
        "look at the kernel's log (dmesg: NVRM) and run nvidia-smi on the host",
    ),
    34: CudaCause(
        "stub_library",
        "the container loads the stub of libcuda that comes with CUDA's build tools instead of the driver's",
        "take /usr/local/cuda/lib64/stubs out of the image's LD_LIBRARY_PATH",
    ),
    46: CudaCause(
        "gpu_busy",
        "a GPU is busy or in exclusive mode, and another process has it",
        "stop that process (nvidia-smi), or allow several: nvidia-smi -c DEFAULT",
    ),
    100: CudaCause(
        "no_device",
        "no GPU can be seen in the container",
        "look at NVIDIA_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES, and run nvidia-smi on the host",
    ),
    101: CudaCause(
        "invalid_device",
        "a GPU that was there has gone",
        "look for Xid 79 in the kernel's log (fallen off the bus) and reboot",
    ),
    214: CudaCause(
        "ecc_error",
        "a GPU has an uncorrectable memory error",
        "look at nvidia-smi -q -d ECC,ROW_REMAPPER, reset the GPU or reboot; have it replaced if it comes again",
    ),
    304: CudaCause(
        "operating_system",
        "a call to the kernel failed, as happens when the container may not open the GPU's device nodes",
        "look at SELinux or AppArmor on the host, and at the mode of /dev/nvidia*",
    ),
    802: CudaCause(
        "fabric_not_ready",
        "the NVLink fabric is not ready (system not yet initialized)",
        "bring up nvidia-fabricmanager in exactly the driver's version, and on NVLink5 (HGX B200) nvlsm with ib_umad "
        "loaded before it; nvidia-smi -q must then say Fabric State: Completed, Status: Success",
    ),
    803: CudaCause(
        "driver_mismatch",
        "libcuda in the container and the kernel module are of different versions",
        "reboot after a driver update, or write the CDI specification again (nvidia-ctk cdi generate)",
    ),
    804: CudaCause(
        "compat_not_supported",
        "the image's compatibility libraries for a newer CUDA do not support this GPU",
        "install a newer driver branch, or take an image for an older CUDA (such as the -cu129 tags)",
    ),
    805: CudaCause(
        "mps",
        "the Multi-Process Service cannot be reached",
        "stop MPS on the host (echo quit | nvidia-cuda-mps-control)",
    ),
    999: CudaCause(
        "unknown",
        "CUDA cannot be initialized and does not say why (known: address randomization with heterogeneous memory)",
        "put 'options nvidia_uvm uvm_disable_hmm=1' into /etc/modprobe.d/uvm.conf and load nvidia_uvm again, or boot "
        "with nokaslr; if that does not help, look at dmesg (NVRM, Xid)",
    ),
}
