from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_census import container_of, take_census
from ansible_collections.gpt_oss.fleet.plugins.modules import gpu_info
from gpu_host import FakeCommands, fixture, pci, write

ID, OUTER = "ab" * 32, "cd" * 32
NOT_LOADED = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n\n"
)
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n"

# What nvidia-smi answers, and how that is judged: state, exit status, the start of the error, number of devices.
ANSWERS: list[tuple[Any, str, Any, str, int]] = [
    (None, "absent", None, "", 0),
    (fixture("b200x8.xml"), "ok", 0, "", 8),
    (Answer(9, NOT_LOADED), "failed", 9, "NVIDIA-SMI has failed because it couldn't communicate", 0),
    (Answer(18, MISMATCH), "mismatch", 18, "Failed to initialize NVML: Driver/library version mismatch", 0),
    (Answer(6, "No devices were found\n"), "failed", 6, "No devices were found", 0),
    (Answer(0, "No devices were found\n"), "failed", 0, "nvidia-smi gave no XML: No devices were found", 0),
    (Answer(0, ""), "failed", 0, "nvidia-smi gave no XML: nothing", 0),
    (Answer(124, ""), "failed", 124, "no answer within 60 seconds", 0),
    (Answer(14, fixture("h200-idle.xml"), "WARNING: infoROM is corrupted"), "ok", 14, "WARNING: infoROM", 1),
    (Answer(15, fixture("h200-idle.xml"), "GPU is lost"), "failed", 15, "GPU is lost", 1),
    (fixture("b200x8.xml")[:30000], "failed", 0, "the output of nvidia-smi is not whole", 2),
    (Answer(127, "", "nvidia-smi: error while loading shared libraries"), "failed", 127, "nvidia-smi: error", 0),
]


@pytest.mark.parametrize(("answer", "state", "code", "error", "devices"), ANSWERS)
def test_nvidia_smi(tmp_path: Path, answer: Any, state: str, code: Any, error: str, devices: int) -> None:
    commands = FakeCommands({"dmesg": "x"} if answer is None else {"dmesg": "x", "nvidia-smi -q -x": answer})
    found = take_census(commands, tmp_path)
    assert (found["smi"]["state"], found["smi"]["exit_code"]) == (state, code)
    assert found["smi"]["error"].startswith(error)
    assert bool(found["smi"]["error"]) is bool(error)
    assert len(found["devices"]) == devices


def test_a_host_without_anything(tmp_path: Path) -> None:
    found = take_census(FakeCommands({"dmesg": "x"}), tmp_path)
    assert (found["present"], found["pci"], found["devices"], found["generation"]) == (0, [], [], None)
    assert (found["nvlink5"], found["ib_umad"], found["ibstat"], found["persistenced"]) == (None, False, False, False)
    assert found["driver"]["loaded"] is False
    assert (found["xids"], found["kernel_log"]) == ([], "read")


def test_a_real_h200_with_a_process_in_a_container(tmp_path: Path) -> None:
    files = {
        **pci("0000:00:06.0", "0x2335", driver="nvidia"),
        "proc/driver/nvidia/version": fixture("h200-driver-version.txt"),
        "sys/module/nvidia/version": "580.159.04",
        "sys/module/ib_umad/refcnt": "0",
        "proc/417/cgroup": f"0::/system.slice/docker-{ID}.scope\n",
    }
    said = {"nvidia-smi": fixture("h200-busy.xml"), "dmesg": fixture("h200-dmesg.txt"), "ibstat": ""}
    found = take_census(FakeCommands(said), write(tmp_path, files))
    assert (found["present"], found["generation"]) == (1, "hopper")
    assert (found["driver"]["version"], found["driver"]["cuda_version"]) == ("580.159.04", "13.0")
    assert (found["ib_umad"], found["ibstat"]) == (True, True)
    assert found["devices"][0]["pci_address"] == found["pci"][0]["address"]
    assert found["devices"][0]["processes"][0]["container"] == ID


def test_two_h200_of_a_virtual_machine_whose_fabric_is_managed_outside(tmp_path: Path) -> None:
    files = {**pci("0000:00:06.0", "0x2335", driver="nvidia"), **pci("0000:00:07.0", "0x2335", driver="nvidia")}
    (tmp_path / "sys/class/infiniband").mkdir(parents=True)
    said = {"nvidia-smi": fixture("h200x2-vm.xml"), "dmesg": fixture("h200-dmesg.txt")}
    found = take_census(FakeCommands(said), write(tmp_path, files))
    assert (found["present"], found["nvswitches"], found["nvlink5"]) == (2, 0, False)
    assert [(device["fabric"]["state"], device["fabric"]["status"]) for device in found["devices"]] == [
        ("Completed", "Success")
    ] * 2
    assert found["fabric_manager"]["binary"] is False


def test_the_generation_of_a_gpu_that_is_not_in_the_list(tmp_path: Path) -> None:
    write(tmp_path, pci("0000:1b:00.0", "0xfff0"))
    found = take_census(FakeCommands({"nvidia-smi": fixture("b200x8.xml"), "dmesg": "x"}), tmp_path)
    assert found["generation"] == "blackwell"


# The text of /proc/PID/cgroup, that of the first process, and the container.
CGROUPS = [
    (f"12:devices:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", "1:name=systemd:/init.scope\n", ID),
    (f"0::/system.slice/docker-{ID}.scope\n", "0::/init.scope\n", ID),
    (f"0::/kubepods.slice/kubepods-podab_cd.slice/cri-containerd-{ID}.scope\n", "0::/init.scope\n", ID),
    (f"0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{ID}\n", "0::/init.scope\n", ID),
    ("0::/user.slice/user-1000.slice/session-2.scope\n", "0::/init.scope\n", None),
    (f"4:memory:/docker/{OUTER}/docker/{ID}\n", f"4:memory:/docker/{OUTER}/init.scope\n", ID),
    (f"4:memory:/docker/{OUTER}/system.slice/x.service\n", f"4:memory:/docker/{OUTER}/init.scope\n", None),
    ("0::/\n", "", None),
    ("", "", None),
    (f"0::/{'a' * 65}\n", "", None),
]


@pytest.mark.parametrize(("cgroup", "own", "container"), CGROUPS)
def test_containers(cgroup: str, own: str, container: str | None) -> None:
    assert container_of(cgroup, own) == container


def test_the_documentation_names_every_key(tmp_path: Path) -> None:
    import yaml

    said = {"nvidia-smi": fixture("h200-busy.xml"), "dmesg": "NVRM: Xid (PCI:0000:1b:00): 79, x"}
    found = take_census(FakeCommands(said), write(tmp_path, pci("0000:00:06.0", "0x2335")))
    documented = yaml.safe_load(gpu_info.RETURN)["gpu"]["contains"]
    assert differences(found, documented) == []


def differences(found: Any, documented: dict[str, Any], at: str = "gpu") -> list[str]:
    """Return where the keys of a result and of its documentation differ."""
    if set(found) != set(documented):
        return [f"{at}: {sorted(set(found) ^ set(documented))}"]
    inner = []
    for key, described in documented.items():
        value = found[key][0] if described["type"] == "list" and found[key] else found[key]
        if "contains" in described:
            inner += differences(value, described["contains"], f"{at}.{key}")
    return inner
