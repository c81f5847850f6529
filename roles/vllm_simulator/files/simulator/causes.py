# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: causes, the last words of dying engines, worded as vLLM and CUDA word them.

Sources: vLLM 0.32/0.33 (v1/worker/utils.py, v1/core/kv_cache_utils.py, v1/worker/gpu_model_runner.py,
config/parallel.py), PyTorch's CUDA allocator, the CUDA runtime's error 802. Fields in braces are filled in.
"""

from __future__ import annotations

CAUSES = {
    "out_of_memory": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.98 GiB. GPU 0 has a total capacity of "
        "178.36 GiB of which 1.21 GiB is free. Process 4711 has 163.90 GiB memory in use. Including non-PyTorch "
        "memory, this process has 13.24 GiB memory in use. Of the allocated memory 12.53 GiB is allocated by PyTorch, "
        "and 151.08 MiB is reserved by PyTorch but unallocated."
    ),
    "free_memory": (
        "ValueError: Free memory on device cuda:0 (14.46/178.36 GiB) on startup is less than desired GPU memory "
        "utilization ({gpu_memory_utilization}, {wanted_memory:.2f} GiB). Decrease GPU memory utilization or reduce "
        "GPU memory used by other processes."
    ),
    "no_kv_cache": (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
        "initializing the engine (this flag also controls CPU memory reservation on the CPU backend, despite its "
        "name). See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."
    ),
    "warm_up": (
        "RuntimeError: CUDA out of memory occurred when warming up sampler with {max_num_seqs} dummy requests. Please "
        "try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine."
    ),
    "fabric": (
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling "
        "NumCudaDevices() that might have already set an error? Error 802: system not yet initialized"
    ),
    "no_device": "RuntimeError: Failed to infer device type",
    "sinks": "RuntimeError: Sinks must be of type float32, but got torch.bfloat16",
}
