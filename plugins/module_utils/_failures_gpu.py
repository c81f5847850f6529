# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures of the GPUs - data: memory, driver, fabric, hardware, kernels."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

GPU = (
    Failure(
        "fabric_not_ready",
        r"system not yet initialized|cudaErrorSystemNotReady|CUDA_ERROR_SYSTEM_NOT_READY|[Ee]rror 802",
        "CUDA error 802: the NVLink fabric is not ready",
        "bring up nvidia-fabricmanager (version equal to the driver's) and, on B200, nvlsm with ib_umad loaded (role "
        "nvidia_driver); then nvidia-smi -q must say Fabric State: Completed",
        "NVIDIA's text, nccl issue 1769",
        "1.3",
    ),
    Failure(
        "driver_too_old",
        r"unsatisfied condition: (?P<what>cuda>=[\d.]+)"
        r"|(?P<other>CUDA driver version is insufficient for CUDA runtime version)"
        r"|(?P<found>NVIDIA driver on your system is too old(?: \(found version \d+\))?)",
        "the host's NVIDIA driver is older than the image's CUDA needs: {what}{other}{found}",
        "install a newer driver branch (role nvidia_driver), or take an image for an older CUDA (such as the -cu129 "
        "tags)",
        "NVIDIA Container Toolkit's and PyTorch's texts",
        "1.1",
    ),
    Failure(
        "driver_mismatch",
        r"[Dd]river/library version mismatch|NVML/RM version mismatch|NVML_ERROR_LIB_RM_VERSION_MISMATCH"
        r"|system has unsupported display driver / cuda driver combination|[Ee]rror 803",
        "the NVIDIA driver's libraries and the loaded kernel module are of different versions: {line}",
        "reboot the host (a driver was installed while the old one was loaded); with CDI write the specification anew "
        "(nvidia-ctk cdi generate)",
        "NVIDIA Container Toolkit issues 171, 394",
        "2.3",
    ),
    Failure(
        "nvml_lost",
        r"Failed to initialize NVML: Unknown Error|NVMLError_Unknown|nvml error: unknown error",
        "the container has lost its GPUs, as happens when systemd reloads its units (systemctl daemon-reload)",
        "start the container again (state: restarted); to be safe from it use gpu_access: cdi, or "
        "native.cgroupdriver=cgroupfs in the engine's exec-opts",
        "NVIDIA Container Toolkit issues 251, 1227",
        "2.3",
    ),
    Failure(
        "no_kernel_image",
        r"no kernel image is available for execution on the device|sm_\d+a? is not compatible with the current"
        r"|ptxas fatal.*sm_\d+a?|CUDA_ERROR_NO_BINARY_FOR_GPU",
        "the image holds no kernels for this GPU: {line}",
        "take an image whose CUDA supports the GPU (CUDA 12.8 or newer for B200)",
        "PyTorch's text",
        "1.1",
    ),
    Failure(
        "gpu_lost",
        r"GPU is lost|GPU has fallen off the bus|NVRM: Xid[^:]*: 79|CUDA_ERROR_DEVICE_UNAVAILABLE"
        r"|Unable to determine the device handle for GPU",
        "a GPU has gone: {line}",
        "look for Xid 79 in the kernel's log (dmesg), reboot the host, and have the GPU looked at if it comes again",
        "NVIDIA's text",
        "1.4",
    ),
    Failure(
        "ecc_error",
        r"uncorrectable ECC error|CUDA_ERROR_ECC_UNCORRECTABLE|cudaErrorECCUncorrectable",
        "a GPU has an uncorrectable memory error",
        "reset the GPU or reboot, look at nvidia-smi -q -d ECC,ROW_REMAPPER; have the GPU replaced if it comes again",
        "PyTorch's text, vLLM issue 5222",
        "1.4",
    ),
    Failure(
        "gpu_fault",
        r"NVRM: Xid \(.*|an illegal memory access was encountered|unspecified launch failure"
        r"|CUDA error: misaligned address"
        r"|hardware stack error|illegal instruction was encountered",
        "a GPU stopped a program: {line}",
        "look for Xid lines in the kernel's log (dmesg); if they come on one GPU only, it is the hardware, if on all, "
        "vLLM's kernels: try another image, or --enforce-eager in arguments",
        "CUDA's texts",
        "1.4",
    ),
    Failure(
        "gpu_busy",
        r"all CUDA-capable devices are busy or unavailable|CUDA_ERROR_DEVICES_UNAVAILABLE|cudaErrorDevicesUnavailable",
        "a GPU is in exclusive mode and another process has it, or it is being reset",
        "stop that process (nvidia-smi), or allow several: nvidia-smi -c DEFAULT",
        "CUDA's text",
        "1.4",
    ),
    Failure(
        "no_device",
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver"
        r"|no CUDA-capable device is detected"
        r"|invalid device ordinal",
        "no GPU, or fewer than asked for, can be seen inside the container: {line}",
        "check gpus and gpu_access, and that nvidia-smi works on the host and in a container (module gpu_proof)",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "free_memory",
        r"(?P<what>Free memory on device .*?GiB\) on startup) is less than (?:desired|the engine)"
        r".*?\((?P<share>[\d.]+), (?P<wanted>[\d.]+ GiB)\)",
        "another process holds GPU memory: {what} is less than gpu_memory_utilization {share} asks for ({wanted})",
        "stop what holds the memory (nvidia-smi), or lower gpu_memory_utilization",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "no_kv_room",
        r"model's max seq len \((?P<length>\d+)\), \(?(?P<wanted>[\d.]+ GiB).*?available KV cache memory"
        r" \((?P<found>[\d.]+ GiB)\)",
        "the weights leave too little GPU memory for the KV cache: max_model_len {length} needs {wanted}, there are "
        "{found}",
        "raise gpu_memory_utilization, lower max_model_len or --max-num-seqs, or raise tensor_parallel_size",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "no_kv_room",
        r"No available memory for the cache blocks|larger than the available KV cache memory"
        r"|not enough GPU memory available to serve even a single token",
        "the weights leave no GPU memory for the KV cache",
        "raise gpu_memory_utilization, lower max_model_len or --max-num-seqs, or raise tensor_parallel_size",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "sampler_out_of_memory",
        r"CUDA out of memory occurred when warming up (?P<what>\w+) with (?P<count>\d+) dummy requests",
        "a GPU ran out of memory when vLLM tried {count} requests at once ({what})",
        "lower --max-num-seqs in arguments, or gpu_memory_utilization",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "gpu_out_of_memory",
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|cudaErrorMemoryAllocation"
        r"|CUDA error: out of memory|CUDA_ERROR_OUT_OF_MEMORY",
        "a GPU ran out of memory: {line}",
        "stop other users of the GPU (nvidia-smi), lower gpu_memory_utilization, --max-num-seqs or max_model_len, "
        "or raise tensor_parallel_size",
        "vLLM issues 7721, 12529, 17835",
        "3.8",
    ),
    Failure(
        "sinks_not_float32",
        r"[Ss]inks must be (?:of type )?float32",
        "the image's vLLM and FlashInfer do not fit each other: attention sinks must be float32",
        "take a newer image; a FlashInfer that was put in by hand is to be left out",
        "vLLM pull request 23016",
        "3.8",
    ),
    Failure(
        "sinks_not_supported",
        r"(?P<what>(?:FlashInfer backend currently does not support attention sinks|Sinks are only supported in "
        r"FlashAttention 3|unexpected keyword argument 'sinks'|sink setting not supported"
        r"|attention sinks not supported)"
        r".*)",
        "the attention backend that vLLM chose, or was told to take, cannot run gpt-oss: {what}",
        "leave --attention-backend and VLLM_ATTENTION_BACKEND out; take another image, or a GPU "
        "that vLLM supports for gpt-oss (H100, H200, B200)",
        "vLLM issues 22331, 22383, 30919, 40153",
        "3.9",
    ),
    Failure(
        "flashinfer_missing",
        r"No module named 'flashinfer[\w.]*'|FlashInfer is (?:not available|not installed|required)"
        r"|[Rr]equires? FlashInfer|FlashInfer backend is not available",
        "vLLM needs FlashInfer for what it was told, and the image has none: {line}",
        "use the release image (vllm/vllm-openai), or leave out --moe-backend, --attention-backend and moe_activation: "
        "mxfp8",
        "vLLM 0.10.1 to 0.33.0, sources",
        "3.3",
    ),
    Failure(
        "moe_backend",
        r"(?P<what>No MXFP4 MoE backend supports the deployment configuration|Mxfp4 MoE backend .* does not support.*)",
        "this hardware or this vLLM has no kernel for the mixture of experts as configured",
        "choose another moe_activation or --moe-backend, or an image made for this GPU",
        "run, 0.32.0",
        "3.2",
    ),
    Failure(
        "attention_backend",
        r"(?P<what>No valid attention backend found for .*|[Bb]ackend \S+ is not valid for this configuration.*)",
        "no attention backend fits: {what}",
        "leave --attention-backend and --kv-cache-dtype out of arguments, or take an image made for this GPU",
        "vLLM 0.32.0, source",
        "3.2",
    ),
)
