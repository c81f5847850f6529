from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_nodes import NodesError, gpu_nodes, with_gpu_nodes

# As the driver's file has it; the second GPU's node is not numbered as nvidia-smi counts.
INFORMATION = (
    "Model: \t\t NVIDIA H200\nIRQ:   \t\t 45\nGPU UUID: \t {uuid}\nBus Type: \t PCIe\nDevice Minor: \t {minor}\n"
)
GPUS = [INFORMATION.format(uuid="GPU-aa", minor=0), INFORMATION.format(uuid="GPU-bb", minor=2)]
DRIVER = ["/dev/nvidiactl", "/dev/nvidia-uvm"]
PRESENT = {"/dev/nvidia0", "/dev/nvidia2", *DRIVER}

CASES = [
    ("none", PRESENT, []),
    ("all", PRESENT, ["/dev/nvidia0", "/dev/nvidia2", *DRIVER]),
    ("1", PRESENT, ["/dev/nvidia2", *DRIVER]),
    ("GPU-bb,0", PRESENT, ["/dev/nvidia2", "/dev/nvidia0", *DRIVER]),
    ("0", {*PRESENT, "/dev/nvidia-uvm-tools"}, ["/dev/nvidia0", *DRIVER, "/dev/nvidia-uvm-tools"]),
]


@pytest.mark.parametrize(("gpus", "present", "expected"), CASES)
def test_the_nodes_of_gpus(gpus: str, present: set[str], expected: list[str]) -> None:
    assert gpu_nodes(gpus, GPUS, present) == expected


FAILURES: list[tuple[str, list[str], set[str], str]] = [
    ("all", [], set(), "expected the GPUs all in /proc/driver/nvidia/gpus, found 0 GPUs"),
    ("0,7", GPUS, PRESENT, "found 2 GPUs without 7"),
    ("0", GPUS, PRESENT - {"/dev/nvidia-uvm"}, "found no /dev/nvidia-uvm"),
    ("1", GPUS, PRESENT - {"/dev/nvidia2"}, "found no /dev/nvidia2"),
]


@pytest.mark.parametrize(("gpus", "information", "present", "words"), FAILURES)
def test_what_is_missing_is_told(gpus: str, information: list[str], present: set[str], words: str) -> None:
    with pytest.raises(NodesError, match=words):
        gpu_nodes(gpus, information, present)


def test_nodes_join_the_devices_that_were_given(tmp_path: Path) -> None:
    for address, text in zip(("0000:a1:00.0", "0000:1b:00.0"), reversed(GPUS)):
        (tmp_path / "proc/driver/nvidia/gpus" / address).mkdir(parents=True)
        (tmp_path / "proc/driver/nvidia/gpus" / address / "information").write_text(text)
    (tmp_path / "dev").mkdir()
    for node in PRESENT:
        (tmp_path / node[1:]).touch()
    given: dict[str, Any] = {
        "gpus": "0",
        "gpu_access": "device_nodes",
        "devices": ["/dev/x", "/dev/nvidiactl:/dev/nvidiactl:r"],
    }
    # By their addresses, the second of the two folders made is the first GPU.
    wanted = ["/dev/x", "/dev/nvidiactl:/dev/nvidiactl:r", "/dev/nvidia0", "/dev/nvidia-uvm"]
    assert with_gpu_nodes(given, tmp_path)["devices"] == wanted
    assert with_gpu_nodes({**given, "gpu_access": "cdi"}, tmp_path / "no driver")["devices"] == given["devices"]
