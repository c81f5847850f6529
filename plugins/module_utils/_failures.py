# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures - data: what a start that failed left in the log, what caused it, and what to do.

The first row that fits counts, so special rows stand before general ones. `pattern` is a regular expression, searched
line by line; its named groups fill {braces} in `cause`. `seen` says where the text comes from.
"""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """One class of failures."""

    name: str
    pattern: str
    cause: str
    remedy: str
    seen: str


# Read in the log of a container that ended.
FAILURES = (
    Failure(
        "api_key_unreadable",
        r"expected an API key in (?P<what>\S+), could not read one",
        "the API key's file cannot be read inside the container",
        "let the user that the container runs as read api_key_file; the key stands alone on its first line",
        "run",
    ),
    Failure(
        "unknown_flag",
        r"error: unrecognized arguments: (?P<what>.+)",
        "this vLLM does not know the argument {what}",
        "take it out of the arguments, or use an image whose vLLM has it (vllm serve --help=all)",
        "run, 0.22.1 and 0.32.0",
    ),
    Failure(
        "bad_value",
        r"error: argument (?P<what>\S+?): (?P<why>invalid .+|expected .+)",
        "the argument {what} has a value that vLLM refuses: {why}",
        "correct the value in the arguments",
        "run, 0.32.0",
    ),
    Failure(
        "shared_memory",
        r"Insufficient space in /dev/shm.*?: (?P<what>.+?)\.",
        "the shared memory of the container is too small: {what}",
        "set ipc_mode: host, or a larger shm_size",
        "run, 0.32.0",
    ),
    Failure(
        "port_in_use",
        r"\[Errno 98\].*[Aa]ddress already in use",
        "the port that the server shall listen on is taken",
        "stop what listens there (ss -ltnp), or choose another port",
        "run, 0.32.0",
    ),
    Failure(
        "driver_too_old",
        r"unsatisfied condition: cuda>=\S+|driver version is insufficient|NVIDIA driver on your system is too old",
        "the host's NVIDIA driver is older than the image's CUDA needs",
        "install a newer driver branch, or take an image for an older CUDA (such as the -cu129 tags)",
        "NVIDIA Container Toolkit's and PyTorch's texts",
    ),
    Failure(
        "fabric_not_ready",
        r"system not yet initialized|cudaErrorSystemNotReady|[Ee]rror 802",
        "CUDA error 802: the NVLink fabric is not ready",
        "bring up nvidia-fabricmanager (version equal to the driver's) and, on B200, nvlsm with ib_umad loaded; then "
        "nvidia-smi -q must say Fabric State: Completed",
        "NVIDIA's text",
    ),
    Failure(
        "no_kernel_image",
        r"no kernel image is available for execution on the device",
        "the image holds no kernels for this GPU",
        "take an image whose CUDA supports the GPU (CUDA 12.8 or newer for B200)",
        "PyTorch's text",
    ),
    Failure(
        "no_device",
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver",
        "no GPU can be seen inside the container",
        "check gpus and gpu_access, and that nvidia-smi works on the host and in a container",
        "run, 0.32.0",
    ),
    Failure(
        "world_size",
        r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs(?: \((?P<found>\d+)\))?",
        "tensor parallel size asks for {wanted} GPUs, the container sees fewer",
        "lower --tensor-parallel-size, or give the container more GPUs",
        "vLLM 0.32.0, source",
    ),
    Failure(
        "not_divisible",
        r"(?P<what>Total number of attention heads \(\d+\)|Attention sink heads|\w[\w ]{0,40}) must be divisible by "
        r"(?:tensor parallel size|tp_size)(?P<found> \(\d+\))?",
        "the tensor parallel size does not divide the model: {what}",
        "set --tensor-parallel-size to 1, 2, 4 or 8",
        "run, 0.32.0",
    ),
    Failure(
        "model_length",
        r"User-specified max_model_len \((?P<wanted>\d+)\) is greater than the derived max_model_len "
        r"\((?:max_position_embeddings=)?(?P<found>\d+)",
        "--max-model-len {wanted} is more than the model allows ({found})",
        "set --max-model-len to {found} or less, or leave it out",
        "run, 0.22.1 and 0.32.0",
    ),
    Failure(
        "free_memory",
        r"(?P<what>Free memory on device .*?GiB\) on startup)",
        "another process holds GPU memory: {what} is less than --gpu-memory-utilization asks for",
        "stop what holds the memory (nvidia-smi), or lower --gpu-memory-utilization",
        "vLLM 0.32.0, source",
    ),
    Failure(
        "no_kv_room",
        r"No available memory for the cache blocks|larger than the available KV cache memory",
        "the weights leave too little GPU memory for the KV cache",
        "raise --gpu-memory-utilization, lower --max-model-len or --max-num-seqs, or use more GPUs",
        "vLLM 0.32.0, source",
    ),
    Failure(
        "gpu_out_of_memory",
        r"(?P<what>CUDA out of memory[^.]*)|torch\.OutOfMemoryError|cudaErrorMemoryAllocation",
        "a GPU ran out of memory",
        "stop other users of the GPU (nvidia-smi), lower --gpu-memory-utilization, --max-num-seqs or --max-model-len, "
        "or use more GPUs",
        "vLLM's and PyTorch's texts",
    ),
    Failure(
        "vocabulary_offline",
        r"error downloading or loading vocab file",
        "the harmony vocabulary is not in the image and could not be downloaded (vLLM 0.30 and older)",
        "mount a folder with o200k_base.tiktoken and cl100k_base.tiktoken and set TIKTOKEN_ENCODINGS_BASE to it, "
        "or use vLLM 0.31 or newer",
        "run, openai-harmony 0.0.8",
    ),
    Failure(
        "model_refused",
        r"GatedRepoError|(?:401|403) Client Error|Access to model .* is restricted",
        "the Hub refuses the model to this account",
        "accept the model's terms, and give the container a token that may read it (HF_TOKEN)",
        "huggingface_hub's texts",
    ),
    Failure(
        "model_not_cached",
        r"LocalEntryNotFoundError|IncompleteSnapshotError|Cannot find an appropriate cached snapshot folder",
        "the model is not, or not wholly, in the cache that the container sees, and it could not be downloaded",
        "bring the model into the cache (module hf_model) and mount it at /root/.cache/huggingface",
        "run, 0.32.0",
    ),
    Failure(
        "model_not_found",
        r"RepositoryNotFoundError|404 Client Error|HFValidationError: |Invalid repository ID or local",
        "there is no such model on the Hub, and no such folder in the container",
        "check the model's name; for a folder, mount it and give its path inside the container",
        "run, 0.32.0",
    ),
    Failure(
        "dead_variable",
        r"ValueError: .*Unknown vLLM environment variable(?: detected)?: (?P<what>\S+)",
        "this vLLM does not know the environment variable {what}, and was told to fail on such",
        "take the variable out of the environment; the recipes say what replaces it",
        "run, 0.32.0",
    ),
    Failure(
        "moe_backend",
        r"(?P<what>No MXFP4 MoE backend supports the deployment configuration)",
        "this hardware or this vLLM has no kernel for the mixture of experts as configured",
        "choose another moe_activation or --moe-backend, or an image made for this GPU",
        "run, 0.32.0",
    ),
    Failure(
        "missing_module",
        r"ModuleNotFoundError: No module named '(?P<what>[^']+)'",
        "the image lacks the Python package {what}",
        "use an image that holds it",
        "run, 0.22.1",
    ),
    Failure(
        "no_compiler",
        r"InvalidCxxCompiler: (?P<what>No working C\+\+ compiler found)",
        "vLLM wants to compile, but the image has no compiler: {what}",
        "add --enforce-eager to the arguments, or use an image with g++",
        "run, 0.32.0 (CPU)",
    ),
    Failure(
        "disk_full",
        r"[Nn]o space left on device|Disk quota exceeded",
        "a disk is full",
        "make room (df -h; the engine's folder and the model cache are the large ones)",
        "kernel's text",
    ),
    Failure(
        "permission",
        r"PermissionError: \[Errno 13\] Permission denied: (?P<what>.+)",
        "the server may not write or read {what}",
        "give the mounted folder to the user that the container runs as",
        "Python's text",
    ),
    Failure(
        "refused_configuration",
        r"^\s*(?:\(.*?\))?\s*(?:Value error, )?(?P<what>(?:(?<=Value error, )|Input should be ).+?)(?: \[type=.*)?$",
        "vLLM refuses the configuration: {what}",
        "correct the arguments",
        "run, 0.32.0",
    ),
    Failure(
        "engine_died",
        r"EngineDeadError",
        "the engine's process died while the server was up",
        "read the log above EngineDeadError; the kernel's log (dmesg) tells of memory and of GPU faults (Xid)",
        "run, 0.22.1 and 0.32.0",
    ),
)

# Read in what the Docker Engine says when it refuses.
ENGINE_FAILURES = (
    Failure(
        "no_such_program",
        r"exec: \"(?P<what>[^\"]+)\": (?:executable file not found|stat .*no such file)",
        "the image has no program {what}",
        "check entrypoint and arguments against the image (docker inspect)",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "port_allocated",
        r"(?P<what>\S+) failed: port is already allocated|driver failed programming external connectivity.*in use",
        "the port to publish is taken on this host",
        "stop what listens there (ss -ltnp; docker ps), or choose another port",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "cdi_device_missing",
        r"(?P<what>unresolvable CDI devices.*|CDI device injection failed.*)|could not select device driver \"cdi\"",
        "the engine does not know the CDI device asked for: {what}",
        "write the CDI specification (nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml), and enable CDI in the "
        "engine (Docker 25 and newer)",
        "Docker Engine's text",
    ),
    Failure(
        "toolkit_missing",
        r"could not select device driver \"?(?P<what>\w*)\"? with capabilities",
        "the Docker Engine cannot give GPUs to containers: it knows no driver for them",
        "install the NVIDIA Container Toolkit and register it (nvidia-ctk runtime configure --runtime=docker, then "
        "restart the engine), or set gpu_access: cdi where CDI is set up",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "engine_image",
        r"No such image|manifest unknown|manifest for \S+ not found|repository does not exist|pull access denied",
        "the image is neither on this host nor in its registry under that name",
        "check the image's name and tag; log in to the registry (docker login) if it is a private one",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "registry_unreachable",
        r"(?:dial tcp|no such host|TLS handshake timeout|i/o timeout|connection refused).*|Client\.Timeout exceeded",
        "the registry cannot be reached from this host",
        "check network, DNS and proxy of the engine; or bring the image here (docker load) and set pull: never",
        "run, Docker Engine 20.10",
    ),
)

# Read in the last line of the log of a start that takes too long.
HANGS = (
    Failure(
        "nccl",
        r"vLLM is using nccl==|Using nccl",
        "NCCL does not get through: the GPUs' fabric is not ready, or not as NCCL finds it",
        "nvidia-smi -q must say Fabric State: Completed (nvidia-fabricmanager; on B200 nvlsm with ib_umad); "
        "NCCL_NVLS_ENABLE=0 in the environment is a reported way around",
        "vLLM issues 50430, 20862, 40604",
    ),
    Failure(
        "loading",
        r"Starting to load model|Loading safetensors checkpoint shards|downloading weights",
        "the weights are still being read or downloaded",
        "allow a longer timeout; bring the model into the cache first (module hf_model), on a faster disk",
        "run, 0.32.0",
    ),
)
