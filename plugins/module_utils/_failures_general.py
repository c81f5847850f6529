# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures without their cause - data: rows that count only where no other row fits.

They are what follows from a cause (an engine that died), or what many causes look like (a refused configuration).
"""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

GENERAL = (
    Failure(
        "refused_configuration",
        r"^(?P<key>\w+)\n +(?P<what>Input should be .+?)(?: \[type=.*)?$",
        "vLLM refuses the configuration: {key}: {what}",
        "correct {key} (in arguments as --{key}, with dashes)",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "refused_configuration",
        r"^ *(?:Value error, (?P<what>.+?)|(?P<other>Input should be .+?))(?: \[type=.*)?$",
        "vLLM refuses the configuration: {what}{other}",
        "correct the arguments",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "process_killed",
        r"died unexpectedly \(exit code: -9\)|Failed core proc\(s\): \{[^}]*: -9\b",
        "a process of vLLM was killed (SIGKILL): by the kernel, when memory ran out, or by somebody",
        "look for 'Out of memory: Killed process' in dmesg; give the host or the container more memory",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "nccl_error",
        r"(?P<what>NCCL error(?: in)?: .*|ncclUnhandledCudaError.*|ncclSystemError.*|ncclInternalError.*"
        r"|ncclRemoteError.*)",
        "the GPUs cannot talk to each other through NCCL: {what}",
        "nvidia-smi -q must say Fabric State: Completed and nvidia-smi topo -m show NVLinks; put NCCL_DEBUG: INFO into "
        "environment to learn more; ipc_mode: host or a larger shm_size where it names /dev/shm",
        "vLLM issues 6732, 10626, 20226",
        "1.4",
    ),
    Failure(
        "engine_ready_timeout",
        r"Timed out waiting for engine core processes to start.*?Waited (?P<what>\d+)s"
        r"|VLLM_ENGINE_READY_TIMEOUT_S=<seconds>",
        "vLLM gave its engine up: it was not ready after {what} s (VLLM_ENGINE_READY_TIMEOUT_S)",
        "set VLLM_ENGINE_READY_TIMEOUT_S in environment to more seconds; have the model on a faster disk",
        "vLLM 0.32.0, source",
        "3.1",
    ),
    Failure(
        "harmony_error",
        r"HarmonyError: (?P<what>.*)",
        "vLLM's harmony library failed: {what}",
        "use the newest image; if it came with one question only, the server itself is well",
        "vLLM issues 23567, 51977",
        "3.11",
    ),
    Failure(
        "cuda_error",
        r"(?P<what>(?:CUDA error|CUDA driver error|Cuda failure|cudaError\w+|CUDA_ERROR_\w+).*)",
        "CUDA failed: {what}",
        "run the module gpu_proof on the host, and look for NVRM and Xid lines in dmesg",
        "PyTorch's text",
        "1.4",
    ),
    Failure(
        "engine_died",
        r"EngineDeadError",
        "the engine's process died while the server was up",
        "read the log above EngineDeadError; the kernel's log (dmesg) tells of memory and of GPU faults (Xid)",
        "run, 0.22.1 and 0.32.0",
        "0.5",
    ),
)
