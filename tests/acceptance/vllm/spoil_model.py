"""Copies a model with seeded noise in one layer, as a file that went bad or a layer of other weights would have.

usage: spoil_model.py MODEL FOLDER [SHARE]   SHARE: the noise's standard deviation, as a share of each tensor's own
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

LAYER = "model.layers.1."


def main(model: Path, folder: Path, share: float) -> None:
    shutil.copytree(model, folder)
    path = folder / "model.safetensors"
    path.unlink()
    tensors = load_file(model / "model.safetensors")
    torch.manual_seed(20250805)
    for name in sorted(name for name in tensors if name.startswith(LAYER)):
        tensor = tensors[name].float()
        spread = float(tensor.std()) if tensor.numel() > 1 else 0.0
        tensors[name] = (tensor + share * spread * torch.randn(tensor.shape)).to(tensors[name].dtype).contiguous()
    save_file(tensors, path, metadata={"format": "pt"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.02)
