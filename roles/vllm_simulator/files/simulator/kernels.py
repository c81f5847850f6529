# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: kernels, which MoE kernel the flags and variables choose, and the log line that says so, per version.

Sources: vLLM wheels 0.10.1 to 0.33.0 (envs.py, quantization/mxfp4.py, fused_moe/oracle/mxfp4.py), on SM100.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simulator.arguments import Arguments

_MXFP8_VARIABLE = "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8"
_BF16_LINE = (
    "Using FlashInfer MXFP4 BF16 backend for SM100, For faster performance on SM100, consider setting "
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8=1, though this may impact accuracy."
)
# The first release without the variable; the image gptoss (0.10.1+gptoss) alone knows those marked 0.0.0.
_GONE_FROM = {
    "VLLM_USE_FLASHINFER_MXFP4_MOE": "0.0.0",
    "VLLM_USE_FLASHINFER_MXFP4_BF16_MOE": "0.0.0",
    "VLLM_USE_TRTLLM_CONTEXT_ATTENTION": "0.0.0",
    "VLLM_USE_TRTLLM_DECODE_ATTENTION": "0.10.1",
    "VLLM_USE_V1": "0.11.1",
    "VLLM_USE_TRTLLM_ATTENTION": "0.15.0",
    "VLLM_ATTENTION_BACKEND": "0.15.0",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "0.24.0",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_BF16": "0.24.0",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8_CUTLASS": "0.24.0",
    "VLLM_MXFP4_USE_MARLIN": "0.24.0",
}


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers: 0.10.1+gptoss -> (0, 10, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def is_gptoss(version: str) -> bool:
    """Say whether the version is that of the image vllm/vllm-openai:gptoss."""
    return version.endswith("+gptoss")


def unknown_variables(version: str, environment: Mapping[str, str]) -> list[str]:
    """Return the set variables that this version knows no more and warns of (from 0.17.1 on)."""
    if numbers(version) < (0, 17, 1):
        return []
    return [name for name, gone in _GONE_FROM.items() if name in environment and numbers(version) >= numbers(gone)]


def moe_activation(version: str, arguments: Arguments, environment: Mapping[str, str]) -> str:
    """Return the activation type of the MoE layers that this version picks on a B200: bf16 or mxfp8."""
    if is_gptoss(version):
        return "mxfp8" if environment.get("VLLM_USE_FLASHINFER_MXFP4_MOE") == "1" else "bf16"
    variable = environment.get(_MXFP8_VARIABLE) == "1" and numbers(version) < (0, 24)
    if numbers(version) < (0, 19):
        return "mxfp8" if variable else "bf16"
    if numbers(version) >= (0, 22, 1) and _asked_activation(arguments) == "mxfp8":
        return "mxfp8"
    return "mxfp8" if variable and arguments.moe_backend == "auto" else "bf16"


def moe_line(version: str, arguments: Arguments, environment: Mapping[str, str], activation: str = "") -> str | None:
    """Return the log line that names the MoE kernel, or None where the version prints none.

    `activation` is what runs, whatever was asked for: empty where the server does as it is told.
    """
    activation = activation or moe_activation(version, arguments, environment)
    if numbers(version) >= (0, 19):
        backend = arguments.moe_backend
        if backend in ("auto", "flashinfer_trtllm"):
            return f"Using 'FLASHINFER_TRTLLM_MXFP4_{activation.upper()}' Mxfp4 MoE backend."
        return f"Using '{backend.upper()}' Mxfp4 MoE backend."
    if is_gptoss(version) or numbers(version) < (0, 10, 2):
        return None if activation == "mxfp8" else "Enabling FlashInfer MXFP4 BF16 backend by default for Blackwell."
    if activation == "bf16":
        return _BF16_LINE
    if (0, 11, 2) <= numbers(version) < (0, 17):
        return None
    return "Using FlashInfer MXFP4 MXFP8 TRTLLM backend for SM100"


def _asked_activation(arguments: Arguments) -> str | None:
    layer = arguments.quantization_config.get("moe")
    return layer.get("activation") if isinstance(layer, dict) else None
