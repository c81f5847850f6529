# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smi, what `nvidia-smi -q -x` says about the GPUs.

The elements are those of real outputs of drivers 570 to 595 (nvsmi_device_v12.dtd and v13). What an output lacks, what
is `N/A` and what may not be read (`[Insufficient Permissions]`) is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import Any, Optional
from xml.etree import ElementTree

from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import normal_address

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
NOTHING = ("", "N/A", "None", "Not Supported", "Insufficient Permissions", "Unknown Error", "Not Found", "ERR!")
# Driver 535 renamed the "throttle reasons" to "event reasons".
REASON_GROUPS = {
    "clocks_event_reasons": "clocks_event_reason_",
    "clocks_throttle_reasons": "clocks_throttle_reason_",
}
# An idle GPU, and one that runs at the clocks that it was told, does not throttle.
HARMLESS_REASONS = ("gpu_idle", "applications_clocks_setting")


@dataclass(frozen=True)
class SmiLog:
    """An output: its versions, its devices, and why it could not be read to its end, if so."""

    driver_version: Optional[str]
    cuda_version: Optional[str]
    devices: tuple[dict[str, Any], ...]
    problem: str = ""


def parse(text: str) -> SmiLog:
    """Return what an output says. Of one that breaks off, the devices before the break are kept."""
    versions: dict[str, Optional[str]] = {}
    devices: list[dict[str, Any]] = []
    problem = ""
    try:
        for _event, element in ElementTree.iterparse(StringIO(text)):
            if element.tag in ("driver_version", "cuda_version"):
                versions[element.tag] = _text(element)
            elif element.tag == "gpu":
                devices.append(_device(element, len(devices)))
    except ElementTree.ParseError as exc:
        problem = f"the output of nvidia-smi is not whole: {exc}"
    return SmiLog(versions.get("driver_version"), versions.get("cuda_version"), tuple(devices), problem)


def _device(gpu: ElementTree.Element, index: int) -> dict[str, Any]:
    return {
        "index": index,
        "uuid": _text(gpu.find("uuid")),
        "name": _text(gpu.find("product_name")),
        "architecture": _text(gpu.find("product_architecture")),
        "pci_address": normal_address(_text(gpu.find("pci/pci_bus_id")) or gpu.get("id") or ""),
        "minor": _integer(gpu.find("minor_number")),
        "memory_total_mib": _integer(gpu.find("fb_memory_usage/total")),
        "memory_used_mib": _integer(gpu.find("fb_memory_usage/used")),
        "memory_free_mib": _integer(gpu.find("fb_memory_usage/free")),
        "memory_reserved_mib": _integer(gpu.find("fb_memory_usage/reserved")),
        "persistence": _text(gpu.find("persistence_mode")) == "Enabled",
        "mig": _text(gpu.find("mig_mode/current_mig")) == "Enabled",
        "temperature_c": _integer(gpu.find("temperature/gpu_temp")),
        "power_draw_w": _power(gpu, "average_power_draw", "power_draw", "instant_power_draw"),
        "power_limit_w": _power(gpu, "current_power_limit", "power_limit", "enforced_power_limit"),
        "throttle": _throttle(gpu),
        "ecc": _ecc(gpu),
        "recovery_action": _text(gpu.find("gpu_recovery_action")),
        "fabric": _fabric(gpu.find("fabric")),
        "processes": [_process(process) for process in gpu.findall("processes/process_info")],
    }


def _text(element: Optional[ElementTree.Element]) -> Optional[str]:
    """Return an element's text; None when it says nothing."""
    text = "" if element is None else (element.text or "").strip().strip("[]")
    return None if text in NOTHING else text


def _number(element: Optional[ElementTree.Element]) -> Optional[float]:
    """Return the number before an element's unit."""
    match = NUMBER.match(_text(element) or "")
    return None if match is None else float(match[0])


def _integer(element: Optional[ElementTree.Element]) -> Optional[int]:
    number = _number(element)
    return None if number is None else int(number)


def _power(gpu: ElementTree.Element, *names: str) -> Optional[float]:
    """Return the first of the readings that is there. Before driver 535 the group was called `power_readings`."""
    for group in ("gpu_power_readings", "power_readings"):
        for name in names:
            number = _number(gpu.find(f"{group}/{name}"))
            if number is not None:
                return number
    return None


def _throttle(gpu: ElementTree.Element) -> list[str]:
    active = []
    for group, prefix in REASON_GROUPS.items():
        for element in gpu.findall(f"{group}/*"):
            name = element.tag[len(prefix) :] if element.tag.startswith(prefix) else element.tag
            if _text(element) == "Active" and name not in HARMLESS_REASONS:
                active.append(name)
    return active


def _ecc(gpu: ElementTree.Element) -> dict[str, Any]:
    mode = _text(gpu.find("ecc_mode/current_ecc"))
    pending = ("remapped_rows/remapped_row_pending", "retired_pages/pending_retirement")
    return {
        "enabled": None if mode is None else mode == "Enabled",
        "volatile_uncorrectable": _uncorrectable(gpu.find("ecc_errors/volatile")),
        "aggregate_uncorrectable": _uncorrectable(gpu.find("ecc_errors/aggregate")),
        "remapped_rows_pending": any(_text(gpu.find(path)) == "Yes" for path in pending),
        "remapped_rows_failure": _text(gpu.find("remapped_rows/remapped_row_failure")) == "Yes",
        "unrepairable_memory": _text(gpu.find("ecc_errors/unrepairable_memory")) == "Yes",
    }


def _uncorrectable(errors: Optional[ElementTree.Element]) -> Optional[int]:
    """Return the sum of the uncorrectable errors; GPUs before Turing call them double bit errors and give a total."""
    if errors is None:
        return None
    counts = [_integer(element) for element in errors if "uncorrectable" in element.tag]
    counts.append(_integer(errors.find("double_bit/total")))
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _fabric(fabric: Optional[ElementTree.Element]) -> dict[str, Any]:
    if fabric is None:
        return {"state": "N/A", "status": "N/A", "health": {}}
    return {
        "state": (fabric.findtext("state") or "N/A").strip(),
        "status": (fabric.findtext("status") or "N/A").strip(),
        "health": {element.tag: (element.text or "").strip() for element in fabric.findall("health/*")},
    }


def _process(process: ElementTree.Element) -> dict[str, Any]:
    return {
        "pid": _integer(process.find("pid")),
        "name": _text(process.find("process_name")),
        "type": _text(process.find("type")),
        "memory_mib": _integer(process.find("used_memory")),
        "container": None,
    }
