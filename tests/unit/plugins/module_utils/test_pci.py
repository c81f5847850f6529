from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_models import Model, generation_of, model_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pci import has_nvlink5, read_bus
from gpu_host import pci, write


def test_the_bus_of_a_real_h200(tmp_path: Path) -> None:
    files = {
        **pci("0000:00:00.0", "0x0d57", "0x060000", "0x8086"),
        **pci("0000:00:04.0", "0x1053", "0xffff00", "0x1af4", "virtio-pci"),
        **pci("0000:00:06.0", "0x2335", "0x030200", driver="nvidia"),
    }
    bus = read_bus(write(tmp_path, files))
    gpu = {"address": "0000:00:06.0", "device_id": "2335", "name": "H200", "generation": "hopper"}
    assert bus.gpus == ({**gpu, "kernel_driver": "nvidia"},)
    assert bus.nvswitches == 0


def test_switches_audio_and_gpus_of_others_are_no_gpus(tmp_path: Path) -> None:
    files = {
        **pci("0000:1b:00.0", "0x2330", driver="vfio-pci"),
        **pci("0000:0f:00.0", "0x2684", "0x030000"),
        **pci("0000:0f:00.1", "0x22ba", "0x040300"),
        **pci("0000:07:00.0", "0x22a3", "0x068000"),
        **pci("0000:08:00.0", "0x22a3", "0x068000"),
        **pci("0000:02:00.0", "0x2000", "0x030000", "0x1a03"),
    }
    bus = read_bus(write(tmp_path, files))
    assert [(gpu["address"], gpu["kernel_driver"]) for gpu in bus.gpus] == [
        ("0000:0f:00.0", None),
        ("0000:1b:00.0", "vfio-pci"),
    ]
    assert [gpu["name"] for gpu in bus.gpus] == [None, "H100"]
    assert bus.nvswitches == 2


def test_no_bus(tmp_path: Path) -> None:
    assert read_bus(tmp_path).gpus == ()


MODELS = [
    ("2901", Model("B200", "blackwell")),
    ("2941", Model("GB200", "blackwell")),
    ("3182", Model("B300", "blackwell")),
    ("2335", Model("H200", "hopper")),
    ("2330", Model("H100", "hopper")),
    ("20B2", Model("A100", "ampere")),
    ("2235", Model("A40", "ampere")),
    ("24b0", Model(None, "ampere")),
    ("26b9", Model("L40S", "ada")),
    ("1eb8", Model("T4", "turing")),
    ("2191", Model(None, "turing")),
    ("1db5", Model("V100", "volta")),
    ("3040", Model(None, "rubin")),
    ("1b06", Model(None, None)),
    ("ffff", Model(None, None)),
    ("", Model(None, None)),
]


@pytest.mark.parametrize(("device_id", "model"), MODELS)
def test_models(device_id: str, model: Model) -> None:
    assert model_of(device_id) == model


@pytest.mark.parametrize(
    ("architecture", "generation"),
    [("Blackwell", "blackwell"), ("Ada Lovelace", "ada"), ("Hopper", "hopper"), ("", None), ("N/A", None)],
)
def test_generations(architecture: str, generation: Optional[str]) -> None:
    assert generation_of(architecture) == generation


MARK = "V\x03VA\x00CX8 SW_MNG port\x00"
NVLINK5: list[tuple[dict[str, str], Optional[bool]]] = [
    ({}, None),
    ({"sys/class/infiniband/.keep/none": ""}, False),
    ({"sys/class/infiniband/mlx5_0/device/vpd": "ConnectX-7"}, False),
    ({"sys/class/infiniband/mlx5_0/device/vpd": "ConnectX-7", "sys/class/infiniband/mlx5_4/device/vpd": MARK}, True),
    ({"sys/class/infiniband/mlx5_0/device/vpd/unreadable": ""}, None),
]


@pytest.mark.parametrize(("files", "expected"), NVLINK5)
def test_nvlink5(tmp_path: Path, files: dict[str, str], expected: Optional[bool]) -> None:
    assert has_nvlink5(write(tmp_path, files)) is expected
