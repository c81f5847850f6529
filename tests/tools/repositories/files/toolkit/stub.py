"""What the stubs of the toolkit share: the simulated GPUs as the stub of libcuda.so.1 wants them described.

The simulated machine (/srv/hardware.json, see tests/tools/hardware) may say beside what nvidia-smi shows:
{"cuda": {"init": 803, "hidden": [7], "context": {"3": 46}}}: what cuInit returns, which GPUs no container sees, and
what making a context on a GPU returns.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, "/srv/hardware")

LIBRARY = Path("/usr/share/nvidia-stub/libcuda.so.1")
LIBRARY_TARGET = "/lib/x86_64-linux-gnu/libcuda.so.1"
FOLDER_TARGET = "/usr/lib/cuda-stub"
CAPABILITY = {"Blackwell": "10 0", "Hopper": "9 0", "Ada Lovelace": "8 9", "Ampere": "8 0"}


class NotLoaded(Exception):
    """There is no driver to ask."""


def machine() -> Any:
    """Return the simulated machine's module. Raises NotLoaded where there is none."""
    try:
        import machine
    except ImportError as exc:
        raise NotLoaded from exc
    return machine


def driver() -> Any:
    """Return the loaded driver. Raises NotLoaded."""
    known = machine()
    loaded = known.driver(known.LOADED)
    if loaded is None:
        raise NotLoaded
    return loaded


def descriptions() -> dict[str, str]:
    """Return the files of FOLDER_TARGET by name: `driver`, and `gpu-a` for GPU 0. Raises NotLoaded."""
    known, loaded = machine(), driver()
    wanted = known.configuration()
    cuda = wanted.get("cuda") or {}
    found = [gpu for gpu in known.gpus(wanted) if known.serves(loaded, gpu)]
    waiting = any(known.fabric_of(gpu, wanted)[0] == "In Progress" for gpu in found)
    files = {"driver": f"{cuda.get('init') or (802 if waiting else 0)} {cuda_version(loaded.version)}\n"}
    for gpu in found:
        if gpu.index not in cuda.get("hidden", []):
            files[name_of(gpu.index)] = line_of(gpu, (cuda.get("context") or {}).get(str(gpu.index), 0))
    return files


def name_of(index: int) -> str:
    """Return the name of a GPU's file."""
    return f"gpu-{chr(ord('a') + index)}"


def line_of(gpu: Any, context: int) -> str:
    """Return what describes a GPU."""
    uuid = gpu.uuid.removeprefix("GPU-").replace("-", "")
    return f"{uuid} {CAPABILITY[gpu.model.architecture]} {gpu.model.total} {context} {gpu.model.name}\n"


def cuda_version(version: str) -> int:
    """Return the version of CUDA that a driver serves, as cuDriverGetVersion tells it."""
    branch = int(version.split(".")[0])
    return 13000 + (branch - 580) if branch >= 580 else 12080


def visible(asked: Optional[str]) -> list[int]:
    """Return the indices that NVIDIA_VISIBLE_DEVICES names. Raises LookupError for one that is not there."""
    known = machine()
    found = known.gpus(known.configuration())
    if asked in ("", None, "void", "none"):
        return []
    if asked == "all":
        return [gpu.index for gpu in found]
    names = {str(gpu.index): gpu.index for gpu in found} | {gpu.uuid: gpu.index for gpu in found}
    missing = [name for name in asked.split(",") if name not in names]
    if missing:
        raise LookupError(missing[0])
    return [names[name] for name in asked.split(",")]
