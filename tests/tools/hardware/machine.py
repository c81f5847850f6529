"""The simulated machine: what /srv/hardware.json asks for, and what has been done to it since the boot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

CONFIGURATION = Path("/srv/hardware.json")
STATE = Path("/run/hardware")
CHANGES = STATE / "changes.json"
FABRIC_MANAGER = STATE / "fabricmanager"
PERSISTENCE = STATE / "persistence"
LOADED = STATE / "driver"
PERSISTENCED = Path("/run/nvidia-persistenced/nvidia-persistenced.pid")
ON_DISK = Path("/usr/share/nvidia-stub/driver")
LIBRARIES = Path("/usr/share/nvidia-stub/compute")

DEFAULTS: dict[str, Any] = {
    "gpus": 0,
    "model": "B200",
    "addresses": None,
    "missing_gpus": 0,
    "nvlink5": None,
    "infiniband": 0,
    "nvswitches": 0,
    "fabric": None,
    "fabric_status": "Success",
    "nouveau": False,
    "modules_missing": [],
    "secure_boot": None,
    "modules_signed": False,
    "xids": [],
    "kernel_log": [],
    "processes": [],
    "devices": {},
    "smi": None,
}
# Where the eight GPUs of a board sit, as on many machines with HGX boards.
ADDRESSES = ["0000:1b:00.0", "0000:43:00.0", "0000:52:00.0", "0000:61:00.0"]
ADDRESSES += ["0000:9d:00.0", "0000:c3:00.0", "0000:d1:00.0", "0000:df:00.0"]


@dataclass(frozen=True)
class Model:
    """What a model of GPU looks like. Memory in MiB and power in W, as real ones of them say."""

    name: str
    architecture: str
    device_id: str
    total: int
    reserved: int
    power_limit: int
    needs_open_modules: bool = False


MODELS = {
    "B200": Model("NVIDIA B200", "Blackwell", "2901", 183359, 728, 1000, needs_open_modules=True),
    "H200": Model("NVIDIA H200", "Hopper", "2335", 143771, 616, 700),
    "H100": Model("NVIDIA H100 80GB HBM3", "Hopper", "2330", 81559, 549, 700),
    "A100": Model("NVIDIA A100-SXM4-80GB", "Ampere", "20b2", 81920, 625, 400),
    "L40S": Model("NVIDIA L40S", "Ada Lovelace", "26b9", 46068, 596, 350),
}


@dataclass(frozen=True)
class Gpu:
    """One GPU of the machine; its settings are those of `devices` in the configuration."""

    index: int
    address: str
    model: Model
    settings: dict[str, Any]

    @property
    def uuid(self) -> str:
        return f"GPU-00000000-0000-4000-8000-{self.index + 1:012x}"


@dataclass(frozen=True)
class Driver:
    """A driver, on disk or loaded: its version such as `580.95.05`, its flavour `open` or `proprietary`."""

    version: str
    flavour: str


def configuration() -> dict[str, Any]:
    """Return what is asked for, with what was changed since the boot."""
    wanted = {**DEFAULTS, **_read(CONFIGURATION), **_read(CHANGES)}
    alive = [one for one in wanted["processes"] if not one.get("real") or Path("/proc", str(one["pid"])).is_dir()]
    return {**wanted, "processes": alive}


def change(changes: dict[str, Any]) -> None:
    """Change what is asked for, until the next boot."""
    STATE.mkdir(exist_ok=True)
    CHANGES.write_text(json.dumps({**_read(CHANGES), **changes}))


def gpus(wanted: dict[str, Any]) -> list[Gpu]:
    """Return the GPUs on the bus. Those that are missing are the last ones."""
    model = MODELS[wanted["model"]]
    addresses = (wanted["addresses"] or ADDRESSES)[: wanted["gpus"] - wanted["missing_gpus"]]
    return [Gpu(index, place, model, wanted["devices"].get(str(index), {})) for index, place in enumerate(addresses)]


def has_nvlink5(wanted: dict[str, Any]) -> bool:
    """Tell whether the machine's GPUs are joined by NVLink 5."""
    chosen = wanted["nvlink5"]
    return bool(chosen) if chosen is not None else wanted["model"] == "B200" and wanted["gpus"] > 1


def driver(path: Path) -> Optional[Driver]:
    """Return what a file says of the driver: ON_DISK and LOADED of the module, LIBRARIES of what programs use."""
    try:
        pairs = dict(line.split("=", 1) for line in path.read_text().split() if "=" in line)
    except OSError:
        return None
    return Driver(pairs["version"], pairs.get("flavour", ""))


def serves(loaded: Driver, gpu: Gpu) -> bool:
    """Tell whether a driver takes a GPU: the proprietary modules leave Blackwell alone."""
    return loaded.flavour == "open" or not gpu.model.needs_open_modules


def fabric_of(gpu: Gpu, wanted: dict[str, Any]) -> tuple[str, str]:
    """Return a GPU's fabric state and status. It waits until the fabric manager runs."""
    asked = gpu.settings.get("fabric") or wanted["fabric"] or ("Completed" if has_nvlink5(wanted) else "N/A")
    if asked == "N/A":
        return "N/A", "N/A"
    if asked != "Completed" or not FABRIC_MANAGER.exists():
        return "In Progress", "N/A"
    return asked, gpu.settings.get("fabric_status") or wanted["fabric_status"]


def is_persistent(gpu: Gpu) -> bool:
    """Tell whether persistence mode is on."""
    if "persistence" in gpu.settings:
        return bool(gpu.settings["persistence"])
    return PERSISTENCE.exists() or is_persistenced_running()


def is_persistenced_running() -> bool:
    try:
        return Path("/proc", PERSISTENCED.read_text().strip()).is_dir()
    except OSError:
        return False


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}
