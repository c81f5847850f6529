"""Load vLLM's kernels as its server does. Ends with an error where they do not load.

vLLM chooses among its builds for AVX2, AVX-512 and newer; another than the chosen one is an illegal instruction.
"""

import sys

import torch
from vllm.platforms.cpu import CpuPlatform

CpuPlatform.import_kernels()
print("vLLM kernels:", torch.ops._C.rms_norm, file=sys.stderr)
