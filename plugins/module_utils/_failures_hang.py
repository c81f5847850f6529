# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hangs - data: read in the last line of the log of a start that takes too long."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

HANGS = (
    Failure(
        "nccl",
        r"vLLM is using nccl==|Using nccl|backend=nccl",
        "NCCL does not get through: the GPUs' fabric is not ready, or not as NCCL finds it",
        "nvidia-smi -q must say Fabric State: Completed (nvidia-fabricmanager; on B200 nvlsm with ib_umad); "
        "NCCL_NVLS_ENABLE=0 in the environment is a reported way around",
        "vLLM issues 50430, 20862, 40604",
        "1.4",
    ),
    Failure(
        "loading",
        r"Starting to load model|Loading safetensors checkpoint shards|downloading weights",
        "the weights are still being read or downloaded",
        "allow a longer timeout; bring the model into the cache first (module hf_model), on a faster disk",
        "run, 0.32.0",
        "3.7",
    ),
    Failure(
        "all_reduce",
        r"custom_all_reduce|symm_mem|SymmMem|[Aa]ll[Rr]educe",
        "the GPUs wait for each other while they set up their common memory",
        "nvidia-smi topo -m must show NVLinks between all; --disable-custom-all-reduce in arguments is a way around",
        "vLLM issue 50430",
        "1.4",
    ),
    Failure(
        "compiling",
        r"Dynamo bytecode|torch\.compile|Compiling a graph|flashinfer\.jit|[Aa]utotun|Capturing CUDA graph|ninja|cubin",
        "code is still being compiled or tuned for this GPU",
        "allow a longer timeout; set vllm_cache_path, so that the next start finds it done",
        "vLLM issue 30919",
        "3.10",
    ),
    Failure(
        "hub",
        r"HTTP Error \d+ thrown while requesting|Retrying in \d+|thrown while requesting (?:HEAD|GET)",
        "the Hub does not answer, and is asked again and again",
        "bring the model into the cache (role hf_cache) and set vllm_offline: true; or check DNS and proxy",
        "huggingface_hub 2.4.0, source",
        "4.2",
    ),
)
