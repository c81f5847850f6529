"""The stub of nvidia-smi: answers as the real one does, from the simulated machine and the driver that is loaded.

The XML has the elements of a real output of driver 580.159.04; README.md says where its values come from.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from string import Template
from typing import Any, Callable, Optional

from machine import (
    LIBRARIES,
    LOADED,
    ON_DISK,
    PERSISTENCE,
    Gpu,
    configuration,
    driver,
    fabric_of,
    gpus,
    is_persistent,
    serves,
)

TEMPLATE = Path(__file__).with_name("gpu.xml")
PROCESS = Path(__file__).with_name("process.xml")
REASONS = ["gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "hw_thermal_slowdown"]
REASONS += ["hw_power_brake_slowdown", "sync_boost", "sw_thermal_slowdown", "display_clocks_setting"]
CUDA = {570: "12.8", 575: "12.9", 580: "13.0", 590: "13.1", 595: "13.2"}
NOT_LOADED = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n"
)
NO_DEVICES = "No devices were found"


def answer(arguments: list[str]) -> int:
    """Print the answer to a call; return its exit status."""
    wanted, loaded, libraries = configuration(), driver(LOADED), driver(LIBRARIES) or driver(ON_DISK)
    if wanted["smi"]:
        print(wanted["smi"].get("error", ""))
        return int(wanted["smi"]["exit_code"])
    if loaded is None:
        print(NOT_LOADED)
        return 9
    if libraries and libraries.version != loaded.version:
        library = ".".join(libraries.version.split(".")[:2])
        print(f"Failed to initialize NVML: Driver/library version mismatch\nNVML library version: {library}")
        return 18
    found = [gpu for gpu in gpus(wanted) if serves(loaded, gpu)]
    if not found:
        print(NO_DEVICES)
        return 6
    return say(arguments, selected(found, arguments), loaded.version, wanted)


def selected(found: list[Gpu], arguments: list[str]) -> list[Gpu]:
    """Return the GPUs that `-i` names, else all."""
    names = [arguments[n + 1] for n, word in enumerate(arguments[:-1]) if word in ("-i", "--id")]
    names += [word[5:] for word in arguments if word.startswith("--id=")]
    asked = names[0].split(",") if names else []
    return [gpu for gpu in found if not asked or str(gpu.index) in asked or gpu.uuid in asked]


def say(arguments: list[str], found: list[Gpu], version: str, wanted: dict[str, Any]) -> int:
    fields = {word.partition("=")[0]: word.partition("=")[2] for word in arguments}
    if "-q" in arguments and "-x" in arguments:
        print(document(found, version, wanted))
    elif "-L" in arguments:
        for gpu in found:
            print(f"GPU {gpu.index}: {gpu.model.name} (UUID: {gpu.uuid})")
    elif "--query-gpu" in fields:
        print(csv(fields, [{**values(gpu, version, wanted)} for gpu in found], QUERY))
    elif "--query-compute-apps" in fields:
        print(csv(fields, [{**one, "uuid": gpu.uuid} for gpu in found for one in processes(gpu, wanted)], QUERY_APPS))
    elif "-pm" in arguments:
        PERSISTENCE.touch() if arguments[arguments.index("-pm") + 1] == "1" else PERSISTENCE.unlink(missing_ok=True)
    elif "-q" in arguments:
        print("\n".join(line for gpu in found for line in long_text(gpu, version, wanted)))
    elif arguments:
        print(f"The stub of nvidia-smi does not know {' '.join(arguments)}", file=sys.stderr)
        return 2
    else:
        print("\n".join(table(found, version, wanted)))
    return 0


def processes(gpu: Gpu, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what runs on a GPU. An entry without a GPU runs on each."""
    defaults = {"type": "C", "memory_mib": 512}
    return [{**defaults, **one} for one in wanted["processes"] if one.get("gpu", gpu.index) == gpu.index]


def cuda(version: str) -> str:
    return CUDA.get(int(version.split(".")[0]), "13.0")


def values(gpu: Gpu, version: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the template and the queries need."""
    settings, model = gpu.settings, gpu.model
    domain, bus, slot = gpu.address.upper().split(":")
    used = settings.get("memory_used_mib", sum(one["memory_mib"] for one in processes(gpu, wanted)))
    state, status = fabric_of(gpu, wanted)
    joined = state != "N/A"
    throttle = settings.get("throttle", [] if used else ["gpu_idle"])
    yes_no: Callable[[str], str] = lambda name: "Yes" if settings.get(name) else "No"  # noqa: E731
    return {
        **{f"reason_{name}": "Active" if name in throttle else "Not Active" for name in REASONS},
        "index": gpu.index,
        "bus_id": f"0000{domain}:{bus}:{slot}",
        "domain": domain,
        "bus": bus,
        "slot": slot.split(".")[0],
        "name": model.name,
        "architecture": model.architecture,
        "device_id": model.device_id.upper(),
        "persistence": "Enabled" if is_persistent(gpu) else "Disabled",
        "mig": "Enabled" if settings.get("mig") else "Disabled",
        "serial": f"16500000000{gpu.index + 1:02}",
        "uuid": gpu.uuid,
        "pdi": f"0x{gpu.index + 1:016x}",
        "minor": gpu.index,
        "board_id": f"0x{bus.lower()}00",
        "module_id": gpu.index + 1,
        "host_id": 1 if joined else "N/A",
        "peer_type": "Switch Connected" if joined else "N/A",
        "recovery_action": settings.get("recovery_action", "None"),
        "driver": version,
        "total": model.total,
        "reserved": model.reserved,
        "used": used,
        "free": model.total - model.reserved - used + 1,
        "volatile_uncorrectable": settings.get("volatile_uncorrectable", 0),
        "aggregate_uncorrectable": settings.get("aggregate_uncorrectable", settings.get("volatile_uncorrectable", 0)),
        "unrepairable": yes_no("unrepairable_memory"),
        "remap_pending": yes_no("remapped_rows_pending"),
        "remap_failure": yes_no("remapped_rows_failure"),
        "temperature": settings.get("temperature_c", 38 + gpu.index),
        "power": f"{model.power_limit * 0.2 + gpu.index:.2f}",
        "power_limit": f"{model.power_limit}.00",
        "fabric_state": state,
        "fabric_status": status,
        "fabric_clique": 0 if joined else "N/A",
        "fabric_cluster": "00000000-0000-0000-0000-000000000000" if joined else "N/A",
        "fabric_summary": "Healthy" if status == "Success" else "N/A",
        "fabric_timeout": "False" if status == "Success" else "N/A",
        "processes": "".join(Template(PROCESS.read_text()).substitute(one) for one in processes(gpu, wanted)),
    }


def document(found: list[Gpu], version: str, wanted: dict[str, Any]) -> str:
    """Return the answer to `-q -x`."""
    one = Template(TEMPLATE.read_text())
    parts = "\n".join(one.substitute(values(gpu, version, wanted)) for gpu in found)
    return (
        '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">\n<nvidia_smi_log>\n'
        f"\t<timestamp>{time.strftime('%a %b %e %H:%M:%S %Y')}</timestamp>\n"
        f"\t<driver_version>{version}</driver_version>\n\t<cuda_version>{cuda(version)}</cuda_version>\n"
        f"\t<attached_gpus>{len(found)}</attached_gpus>\n{parts}\n</nvidia_smi_log>"
    )


# The names of queries: our name and the unit.
QUERY = {
    "index": ("index", ""),
    "name": ("name", ""),
    "gpu_name": ("name", ""),
    "uuid": ("uuid", ""),
    "gpu_uuid": ("uuid", ""),
    "driver_version": ("driver", ""),
    "pci.bus_id": ("bus_id", ""),
    "gpu_bus_id": ("bus_id", ""),
    "memory.total": ("total", " MiB"),
    "memory.used": ("used", " MiB"),
    "memory.free": ("free", " MiB"),
    "persistence_mode": ("persistence", ""),
    "temperature.gpu": ("temperature", ""),
    "power.draw": ("power", " W"),
    "fabric.state": ("fabric_state", ""),
    "fabric.status": ("fabric_status", ""),
}
QUERY_APPS = {
    "pid": ("pid", ""),
    "process_name": ("name", ""),
    "name": ("name", ""),
    "used_memory": ("memory_mib", " MiB"),
    "used_gpu_memory": ("memory_mib", " MiB"),
    "gpu_uuid": ("uuid", ""),
}


def csv(fields: dict[str, str], rows: list[dict[str, Any]], names: dict[str, tuple[str, str]]) -> str:
    """Return the answer to a query in `--format=csv`, with `noheader` and `nounits`."""
    asked = (fields.get("--query-gpu") or fields.get("--query-compute-apps") or "").split(",")
    form = fields.get("--format", "csv").split(",")
    unknown = next((name for name in asked if name not in names), None)
    if unknown is not None:
        return f'Field "{unknown}" is not a valid field to query.'
    lines = [] if "noheader" in form else [", ".join(asked)]
    for row in rows:
        cells = [(row[names[name][0]], "" if "nounits" in form else names[name][1]) for name in asked]
        lines.append(", ".join(f"{value}{unit}" for value, unit in cells))
    return "\n".join(lines)


def long_text(gpu: Gpu, version: str, wanted: dict[str, Any]) -> list[str]:
    """Return the lines of `-q` that people look at."""
    shown = values(gpu, version, wanted)
    names = {"Product Name": "name", "Product Architecture": "architecture", "Persistence Mode": "persistence"}
    lines = [f"GPU {shown['bus_id']}", *(f"    {name:<38}: {shown[key]}" for name, key in names.items())]
    return [
        *lines,
        "    Fabric",
        f"        State{'':29}: {shown['fabric_state']}",
        f"        Status{'':28}: {shown['fabric_status']}",
    ]


def table(found: list[Gpu], version: str, wanted: dict[str, Any]) -> list[str]:
    """Return the table of a plain call, one line a GPU."""
    rule = "+" + "-" * 89 + "+"
    versions = f"NVIDIA-SMI {version:<16} Driver Version: {version:<16} CUDA Version: {cuda(version)}"
    lines = [time.strftime("%a %b %e %H:%M:%S %Y"), rule, f"| {versions:<87} |", rule]
    for gpu in found:
        shown = values(gpu, version, wanted)
        memory = f"{shown['used']}MiB / {shown['total']}MiB"
        on = "On" if shown["persistence"] == "Enabled" else "Off"
        line = f"{gpu.index:>4}  {gpu.model.name:<24} {on:<4} {shown['bus_id']} {shown['temperature']:>4}C {memory:>23}"
        lines.append(f"| {line:<87} |")
    running = [(gpu.index, one) for gpu in found for one in processes(gpu, wanted)]
    lines += [rule, f"| {'Processes:':<87} |"]
    for index, one in running:
        line = f"{index:>4} {one['pid']:>10} {one['type']:>4}   {one['name']:<40} {one['memory_mib']:>10}MiB"
        lines.append(f"| {line:<87} |")
    return [*lines, *([] if running else [f"|  {'No running processes found':<86} |"]), rule]


def main(arguments: Optional[list[str]] = None) -> int:
    return answer(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
