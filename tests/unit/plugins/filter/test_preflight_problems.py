"""What preflight finds wrong with a host: one broken state after the other, and sound ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.filter.preflight_problems import preflight_problems
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smi import parse
from preflight_hosts import ADDRESSES, FOREIGN, OWN, SERVICE, Fact, b200, bare, device, h200, host, no_gpu, pci

ROOT = Path(__file__).parents[4]
SERVER: Fact = {"name": "gpt-oss-120b", "model": "openai/gpt-oss-120b", "tensor_parallel_size": 8}
SIMULATOR: Fact = {"name": "demo", "model": "openai/gpt-oss-20b", "gpus": "none", "port": 8000}
WANTED: dict[str, Any] = {
    "servers": [SERVER],
    "ansible_version": "2.21.5",
    "ansible_minimum": "2.19",
    "hf_home": "/var/lib/gpt_oss/huggingface",
    "hf_free": 75 << 30,
    "docker_root": "/var/lib/docker",
    "docker_free": 50 << 30,
}
FULL = {
    "mount": "/",
    "total_bytes": 100,
    "free_bytes": 12 << 30,
    "total_inodes": 10**7,
    "free_inodes": 10**7,
    "read_only": False,
}
PROCESS = {"pid": 4711, "name": "python3", "type": "C", "memory_mib": 81920, "container": None}


def xid(number: int, severity: str) -> Fact:
    return {"pci_address": "0000:1b:00.0", "xid": number, "meaning": "broken", "severity": severity, "count": 3}


def judge(host_fact: Fact, gpu_fact: Fact, **changes: Any) -> Fact:
    return preflight_problems(host_fact, gpu_fact, **{**WANTED, **changes})


@pytest.mark.parametrize(
    ("gpu", "wanted"),
    [
        (b200(), {"gpus": 8}),
        (b200(), {}),
        (b200(), {"servers": []}),
        (h200(), {"gpus": 1, "servers": [{**SERVER, "tensor_parallel_size": 1}]}),
        (h200(), {"servers": [{**SERVER, "tensor_parallel_size": 1, "gpus": "0"}]}),
        (no_gpu(), {"gpus": 0}),
        (no_gpu(), {"servers": [SIMULATOR]}),
        (no_gpu(), {"servers": []}),
    ],
)
def test_a_sound_host_has_no_problem(gpu: Fact, wanted: dict[str, Any]) -> None:
    found = judge(host(), gpu, **wanted)
    assert found["problems"] == []
    assert found["ok"]
    assert found["table"] == []
    assert found["sentence"].startswith("ready: no problem (Debian GNU/Linux 12 (bookworm), ")


def test_what_is_said_of_a_sound_host() -> None:
    assert judge(host(), b200())["sentence"] == (
        "ready: no problem (Debian GNU/Linux 12 (bookworm), 8 x B200, driver 580.95.05, Docker 28.2.2)"
    )


def test_a_host_of_simulators_needs_no_gpu_and_no_care() -> None:
    worn = host(
        cgroup=1,
        distribution={"id": "arch", "major": None, "family": "other"},
        clock={"synchronized": False},
        toolkit={"version": None},
        memory={"shm_bytes": 1},
        limits={"nofile_hard": 10},
    )
    assert judge(worn, bare(b200()), servers=[SIMULATOR])["problems"] == []


# Each: the host, its GPUs, what else is wanted; then the problem's id, severity and mender, and what wanted, found and
# remedy must contain.
CASES: list[tuple[Fact, Fact, dict[str, Any], str, str, str | None, str, str, str]] = [
    (
        host(),
        b200(),
        {"ansible_version": "2.18.7"},
        *("ansible_too_old", "error", None),
        *("2.19 or newer", "2.18.7", "upgrade it on the controller"),
    ),
    (
        host(),
        b200(),
        {"server_problems": ["gpt-oss-120b: unknown key 'prot', did you mean 'port'?; correct it"]},
        *("server_description", "error", None),
        *("entries that can be deployed", "unknown key 'prot'", "correct it"),
    ),
    (
        host(docker=None, docker_problem="there is no Docker Engine at unix:///s; install and start one"),
        b200(),
        {},
        *("docker_missing", "error", "docker"),
        *("a running engine", "there is no Docker Engine at unix:///s", "install and start one"),
    ),
    (
        host(docker=None, docker_problem="no Docker Engine listens at unix:///s; start it (systemctl start docker)"),
        b200(),
        {},
        *("docker_stopped", "error", "docker"),
        *("a running engine", "no Docker Engine listens", "start it"),
    ),
    (
        host(
            docker=None, docker_problem="user me may not use the Docker Engine at unix:///s; add the user to the group"
        ),
        b200(),
        {},
        *("docker_denied", "error", None),
        *("a running engine", "user me may not use", "add the user to the group"),
    ),
    (
        host(docker=None, docker_problem="the Docker Engine at x cannot be used: status 500; look at its service"),
        b200(),
        {},
        *("docker_unusable", "error", None),
        *("an engine that answers", "status 500", "look at its service"),
    ),
    (
        host(docker={"version": "19.03.15"}),
        b200(),
        {},
        *("docker_too_old", "error", "docker"),
        *("20.10 or newer", "19.03.15", "newer engine"),
    ),
    (
        host(docker={"version": "29.1.2"}),
        b200(),
        {},
        *("docker_nofile", "warning", "docker"),
        *("1,048,576 in containers", "Docker 29.1.2 gives 1,024", "default-ulimits"),
    ),
    (
        host(daemon_json={"error": "it is not JSON: line 3"}),
        b200(),
        {},
        *("daemon_json_broken", "error", None),
        *("a JSON object", "line 3", "mend it by hand"),
    ),
    (
        host(filesystems={"/var/lib/docker": FULL}),
        b200(),
        {},
        *("disk_full", "error", None),
        *("50 GiB of free disk", "12 GiB on /", "free some"),
    ),
    (
        host(filesystems={"/var/lib/gpt_oss/huggingface": FULL}),
        b200(),
        {},
        *("disk_full", "error", None),
        *("75 GiB of free disk", "12 GiB on /", "or place /var/lib/"),
    ),
    (
        host(docker={"image_store": "containerd"}, filesystems={"/var/lib/containerd": FULL}),
        b200(),
        {},
        *("disk_full", "error", None),
        *("50 GiB of free disk", "12 GiB on /", "or place /var/lib/"),
    ),
    (
        host(filesystems={"/var/lib/docker": {**FULL, "free_bytes": 1 << 40, "free_inodes": 412}}),
        b200(),
        {},
        *("disk_inodes", "error", None),
        *("100,000 free inodes", "412 on /", "df -i"),
    ),
    (
        host(filesystems={"/var/lib/gpt_oss/huggingface": {**FULL, "free_bytes": 1 << 40, "read_only": True}}),
        b200(),
        {},
        *("disk_read_only", "error", None),
        *("writable", "read-only on /", "mount -o remount,rw /"),
    ),
    (
        host(
            docker={"containers": []},
            ports={"8000": {"used": True, "addresses": ["0.0.0.0"], "by": "nginx[812]", "container": None}},
        ),
        b200(),
        {},
        *("port_taken", "error", None),
        *("free", "nginx[812] listens on it", "another port"),
    ),
    (
        host(addresses={"https://huggingface.co": {"ok": False, "status": None, "error": "[Errno 110] timed out"}}),
        b200(),
        {},
        *("address_unreachable", "warning", None),
        *("an answer", "huggingface.co: timed out", "gpt_oss_offline"),
    ),
    (
        host(python={"command": None}),
        b200(),
        {"python": "python2.7"},
        *("python_missing", "error", "hf_cache"),
        *("CPython 3.10 or newer with venv", "python2.7", "apt-get install python3-venv"),
    ),
    (
        host(distribution={"id": "debian", "major": 11, "name": "Debian GNU/Linux 11"}),
        b200(),
        {},
        *("os_unsupported", "warning", None),
        *("Debian 12 or 13", "Debian GNU/Linux 11", "install one of them"),
    ),
    (
        host(architecture="ppc64le"),
        b200(),
        {},
        *("architecture_unsupported", "error", None),
        *("x86_64", "ppc64le", "another host"),
    ),
    (
        host(kernel={"release": "5.10.0-35-amd64"}),
        b200(),
        {},
        *("kernel_old", "warning", None),
        *("5.14 or newer", "5.10.0-35-amd64", "update the kernel"),
    ),
    (
        host(kernel={"headers": False}),
        bare(b200()),
        {},
        *("kernel_headers_missing", "warning", "nvidia_driver"),
        *("those of 6.1.0-40-amd64", "none", "linux-headers"),
    ),
    (
        host(reboot_required={"required": True, "reasons": ["linux-image-amd64"]}),
        b200(),
        {},
        *("reboot_required", "warning", None),
        *("none due", "linux-image-amd64", "reboot before"),
    ),
    (host(cgroup=1), b200(), {}, *("cgroup_v1", "warning", None), *("version 2", "version 1", "boot with version 2")),
    (
        host(memory={"available_bytes": 32 << 30}, docker={"containers": []}),
        b200(),
        {},
        *("memory_small", "warning", None),
        *("60.8 GiB available", "32 GiB", "stop what else runs"),
    ),
    (
        host(memory={"shm_bytes": 64 << 20}),
        b200(),
        {},
        *("shm_small", "error", None),
        *("1 GiB", "64 MiB", "remount,size=16G /dev/shm"),
    ),
    (
        host(limits={"nofile_hard": 1024}),
        b200(),
        {},
        *("nofile_low", "warning", None),
        *("8,192", "1,024", "limits.conf"),
    ),
    (
        host(clock={"skew_seconds": -4000}),
        b200(),
        {},
        *("clock_skew", "error", None),
        *("within 30 s", "4,000 s behind", "chronyd"),
    ),
    (
        host(clock={"skew_seconds": 45.0}),
        b200(),
        {},
        *("clock_skew", "warning", None),
        *("30 s", "45 s ahead", "chronyd"),
    ),
    (
        host(clock={"synchronized": False}),
        b200(),
        {},
        *("clock_unsynchronized", "warning", None),
        *("synchronized", "not synchronized", "chronyd"),
    ),
    (
        host(),
        b200(present=7, pci=b200()["pci"][:7], devices=b200()["devices"][:7]),
        {"gpus": 8},
        *("gpus_missing", "error", None),
        *("8", "7 of 8 on the PCI bus", "reseated or replaced"),
    ),
    (
        host(),
        b200(devices=b200()["devices"][:7]),
        {"gpus": 8},
        *("gpus_lost", "error", None),
        *("8", "7 of 8 answer the driver, missing 0000:df:00.0 (B200)", "kernel log"),
    ),
    (host(), b200(), {"gpus": 4}, *("gpus_surplus", "warning", None), *("4", "8", "correct gpt_oss_gpus")),
    (host(), no_gpu(), {"gpus": 8}, *("gpus_missing", "error", None), *("8", "0 of 8", "power the host")),
    (
        host(),
        b200(pci=[*b200()["pci"][:7], pci(7, "2335", "H200", "hopper")]),
        {},
        *("gpus_mixed", "warning", None),
        *("one generation", "blackwell and hopper", "one generation"),
    ),
    (
        host(),
        h200(generation=None, pci=[pci(0, "9999", None, None)], device=(0, {"name": "NVIDIA X"})),
        {"gpus": 1},
        *("generation_unknown", "warning", None),
        *("a known generation", "device id 9999", "not judged"),
    ),
    (
        host(),
        h200(
            generation="volta",
            pci=[pci(0, "1db5", "V100", "volta")],
            driver={"flavour": "proprietary", "on_disk_flavour": "proprietary"},
            device=(0, {"name": "Tesla V100-SXM2-32GB"}),
        ),
        {"gpus": 1},
        *("generation_unsupported", "error", None),
        *("Turing or newer", "Tesla V100-SXM2-32GB (volta)", "another host"),
    ),
    (
        host(kernel={"secure_boot": True}),
        bare(b200()),
        {},
        *("secure_boot", "error", None),
        *("signed driver", "on, no driver", "mokutil --import"),
    ),
    (
        host(),
        bare(b200(driver={"nouveau_loaded": True})),
        {},
        *("nouveau_loaded", "error", "nvidia_driver"),
        *("not loaded", "loaded", "blacklist nouveau"),
    ),
    (
        host(),
        bare(b200()),
        {},
        *("driver_missing", "error", "nvidia_driver"),
        *("580 or newer", "none", "role nvidia_driver"),
    ),
    (
        host(),
        {**bare(b200()), "driver": {"loaded": False, "on_disk_version": "580.95.05"}},
        {},
        *("driver_not_loaded", "error", "nvidia_driver"),
        *("loaded", "580.95.05, not loaded", "modprobe nvidia"),
    ),
    (
        host(),
        b200(driver={"version": "570.124.06"}, fabric_manager={"version": "570.124.06"}),
        {},
        *("driver_too_old", "error", "nvidia_driver"),
        *("570.133.20 or newer for NVIDIA B200", "570.124.06", "branch 580"),
    ),
    (
        host(),
        b200(driver={"version": "575.57.08"}, fabric_manager={"version": "575.57.08"}),
        {},
        *("driver_old", "warning", None),
        *("580 or newer (CUDA 13)", "575.57.08", "-cu129"),
    ),
    (
        host(),
        b200(driver={"flavour": "proprietary"}),
        {},
        *("driver_flavour", "error", "nvidia_driver"),
        *("open (blackwell has no other)", "proprietary", "open flavour"),
    ),
    (
        host(),
        b200(smi={"state": "mismatch", "exit_code": 18, "error": "Failed to initialize NVML"}),
        {},
        *("driver_mismatch", "error", "nvidia_driver"),
        *("one version", "module 580.95.05, other libraries", "reboot"),
    ),
    (
        host(),
        b200(smi={"state": "failed", "exit_code": 9, "error": "Unable to determine the device handle\nmore"}),
        {},
        *("smi_failed", "error", None),
        *("an answer", "Unable to determine the device handle", "kernel log"),
    ),
    (
        host(),
        h200(persistenced=False, device=(0, {"persistence": False})),
        {"gpus": 1},
        *("persistence_off", "warning", "nvidia_driver"),
        *("on", "off on 1 of 1 GPUs", "nvidia-persistenced"),
    ),
    (
        host(),
        b200(
            device=(3, {"fabric": {"state": "In Progress", "status": "N/A"}}),
            fabric_manager={"log": ["NV_WARN_NOTHING_TO_DO"]},
        ),
        {},
        *("fabric_not_ready", "error", "nvidia_driver"),
        *("Completed, Success", "In Progress on GPU 3; its log: NV_WARN_NOTHING_TO_DO", "restart nvidia-fabricmanager"),
    ),
    (
        host(),
        b200(devices=[device(i, "B200", fabric={"state": "N/A", "status": "N/A"}) for i in range(8)]),
        {},
        *("fabric_not_ready", "error", "nvidia_driver"),
        *("Completed, Success", "N/A on all 8 GPUs", "nvidia_driver"),
    ),
    (
        host(),
        b200(device=(5, {"fabric": {"state": "Completed", "status": "Success", "health": {"summary": "Unhealthy"}}})),
        {},
        *("fabric_unhealthy", "error", None),
        *("Healthy", "summary Unhealthy on GPU 5", "nvlink --status"),
    ),
    (
        host(),
        b200(ib_umad=False),
        {},
        *("ib_umad_missing", "error", "nvidia_driver"),
        *("loaded", "not loaded", "module ib_umad"),
    ),
    (
        host(),
        b200(fabric_manager={"nvlsm": False}),
        {},
        *("nvlsm_missing", "error", "nvidia_driver"),
        *("installed", "not installed", "install nvlsm"),
    ),
    (
        host(),
        b200(ibstat=False),
        {},
        *("ibstat_missing", "error", "nvidia_driver"),
        *("installed", "not installed", "infiniband-diags"),
    ),
    (
        host(),
        b200(nvlink5=None, devices=[device(i, "B200", fabric={"state": "In Progress"}) for i in range(8)]),
        {},
        *("nvlink5_devices_missing", "error", "nvidia_driver"),
        *("/sys/class/infiniband", "none", "mlx5_ib"),
    ),
    (
        host(),
        b200(fabric_manager={"version": None, "binary": False}),
        {},
        *("fabric_manager_missing", "error", "nvidia_driver"),
        *("580.95.05", "none", "nvidia-fabricmanager"),
    ),
    (
        host(),
        b200(fabric_manager={"version": "580.82.07"}),
        {},
        *("fabric_manager_version", "error", "nvidia_driver"),
        *("580.95.05, as the driver", "580.82.07", "install version 580.95.05"),
    ),
    (
        host(services={SERVICE: {"exists": True, "active": "failed", "enabled": "enabled"}}),
        b200(),
        {},
        *("fabric_manager_stopped", "error", "nvidia_driver"),
        *("active", "failed", "systemctl enable --now nvidia-fabricmanager"),
    ),
    (
        host(),
        b200(device=(2, {"ecc": {"remapped_rows_failure": True}})),
        {},
        *("memory_unrepairable", "error", None),
        *("sound memory", "could not be remapped", "replaced"),
    ),
    (
        host(),
        b200(device=(2, {"ecc": {"volatile_uncorrectable": 3}})),
        {},
        *("ecc_errors", "error", None),
        *("no uncorrectable", "3 uncorrectable ECC errors", "--gpu-reset -i 2"),
    ),
    (
        host(),
        b200(device=(2, {"ecc": {"remapped_rows_pending": True}})),
        {},
        *("row_remap_pending", "warning", None),
        *("rows remapped", "wait for a reset", "--gpu-reset -i 2"),
    ),
    (
        host(),
        b200(device=(2, {"ecc": {"enabled": False}})),
        {},
        *("ecc_off", "warning", None),
        *("ECC on", "off", "--ecc-config=1"),
    ),
    (
        host(),
        b200(device=(6, {"recovery_action": "Reset"})),
        {},
        *("gpu_recovery", "error", None),
        *("nothing to recover", "it asks for Reset", "--gpu-reset -i 6"),
    ),
    (
        host(),
        b200(xids=[xid(79, "host")]),
        {},
        *("xid_grave", "error", None),
        *("no XID error", "XID 79: broken (3 times)", "reboot"),
    ),
    (
        host(),
        b200(xids=[xid(95, "gpu")]),
        {},
        *("xid_grave", "error", None),
        *("no XID error", "XID 95: broken", "reset the GPU"),
    ),
    (
        host(),
        b200(xids=[xid(31, "application")]),
        {},
        *("xid_mild", "warning", None),
        *("no XID error", "XID 31: broken", "start the program again"),
    ),
    (
        host(),
        b200(kernel_log="denied"),
        {},
        *("kernel_log_denied", "warning", None),
        *("XID", "not readable", "as root"),
    ),
    (
        host(),
        b200(device=(1, {"throttle": ["hw_thermal_slowdown"], "temperature_c": 91})),
        {},
        *("gpu_throttled", "error", None),
        *("full clocks", "hw_thermal_slowdown at 91 °C", "cooling"),
    ),
    (
        host(),
        b200(device=(1, {"throttle": ["sw_thermal_slowdown"]})),
        {},
        *("gpu_throttled", "warning", None),
        *("full clocks", "sw_thermal_slowdown", "cooling"),
    ),
    (host(), b200(device=(4, {"mig": True})), {}, *("mig_on", "warning", None), *("off", "on for GPU 4", "-mig 0")),
    (
        host(),
        b200(device=(4, {"processes": [PROCESS]})),
        {},
        *("gpu_memory_in_use", "error", None),
        *("memory free", "80 GiB taken by python3[4711]", "stop it"),
    ),
    (
        host(docker={"containers": [{"id": FOREIGN, "name": "training", "own": False, "ports": []}]}),
        b200(device=(4, {"processes": [{**PROCESS, "container": FOREIGN}]})),
        {},
        *("gpu_memory_in_use", "error", None),
        *("memory free", "python3[4711] in container training", "gpus"),
    ),
    (
        host(toolkit={"version": None}),
        b200(),
        {},
        *("toolkit_missing", "error", "nvidia_container_toolkit"),
        *("1.17", "none", "role nvidia_container_toolkit"),
    ),
    (
        host(toolkit={"version": "1.16.2"}),
        b200(),
        {},
        *("toolkit_too_old", "error", "nvidia_container_toolkit"),
        *("1.17", "1.16.2", "four packages"),
    ),
    (
        host(docker={"runtimes": ["runc"], "cdi_spec_dirs": []}),
        b200(),
        {},
        *("gpu_path_missing", "error", "nvidia_container_toolkit"),
        *("runtime nvidia, or CDI", "runtimes runc", "nvidia-ctk runtime configure"),
    ),
]


@pytest.mark.parametrize(
    ("host_fact", "gpu_fact", "wanted", "identity", "severity", "mended_by", "asked", "found", "remedy"),
    CASES,
    ids=[f"{number}-{case[3]}" for number, case in enumerate(CASES)],
)
def test_a_broken_host(
    host_fact: Fact,
    gpu_fact: Fact,
    wanted: dict[str, Any],
    identity: str,
    severity: str,
    mended_by: str | None,
    asked: str,
    found: str,
    remedy: str,
) -> None:
    verdict = judge(host_fact, gpu_fact, **wanted)
    problems = [problem for problem in verdict["problems"] if problem["id"] == identity]
    assert len(problems) == 1, verdict["problems"]
    problem = problems[0]
    assert (problem["severity"], problem["mended_by"]) == (severity, mended_by)
    assert asked in problem["wanted"]
    assert found in problem["found"]
    assert remedy in problem["remedy"]
    assert all(problem[part] in problem["text"] for part in ("subject", "wanted", "found", "remedy"))
    assert verdict["ok"] is all(other["severity"] == "warning" for other in verdict["problems"])
    assert all(len(line) <= 120 for line in verdict["table"])


# Where one fault has no others behind it, it is the only problem.
@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[3] for case in CASES])
def test_one_fault_is_not_told_as_many(number: int) -> None:
    case = CASES[number]
    expected = {case[3]}
    if not case[1]["devices"] and case[1]["present"]:
        expected |= {"driver_missing", "driver_not_loaded", "fabric_manager_missing", "nvlsm_missing"}
        expected |= {"ib_umad_missing", "ibstat_missing"}
    if case[3] == "gpus_missing" and not case[1]["present"]:
        expected |= {"driver_missing"}
    if case[3] == "nvlink5_devices_missing":
        expected |= {"fabric_not_ready"}
    found = {problem["id"] for problem in judge(case[0], case[1], **case[2])["problems"]}
    assert found <= expected


def test_our_own_servers_are_no_problem() -> None:
    taken = {"used": True, "addresses": ["0.0.0.0"], "by": "docker-proxy[5]", "container": None}
    gpu = b200(device=(0, {"processes": [{**PROCESS, "container": OWN}]}))
    assert judge(host(ports={"8000": taken}), gpu)["problems"] == []


@pytest.mark.parametrize(
    ("containers", "held", "address", "taken"),
    [
        # Somebody runs a container of his own under the server's name: the role vllm replaces it.
        ([{"id": FOREIGN, "name": "gpt-oss-120b", "own": False, "ports": [8000]}], None, None, False),
        ([{"id": FOREIGN, "name": "other", "own": False, "ports": [8000]}], None, None, True),
        # With the host's network there is no published port, but a process in our container.
        ([{"id": OWN, "name": "x", "own": True, "ports": []}], OWN, None, False),
        ([], None, "10.0.0.7", False),
        ([], None, "127.0.0.1", True),
        ([], None, "::", True),
    ],
)
def test_whose_port_it_is(containers: list[Fact], held: str | None, address: str | None, taken: bool) -> None:
    used = {"used": True, "addresses": ["127.0.0.1"], "by": "x[1]", "container": held}
    servers = [{**SERVER, "bind_address": address}]
    found = judge(host(docker={"containers": containers}, ports={"8000": used}), b200(), servers=servers)
    assert [problem["id"] for problem in found["problems"]] == (["port_taken"] if taken else [])


def test_only_the_gpus_that_servers_use_must_be_free() -> None:
    gpu = b200(device=(4, {"processes": [PROCESS]}))
    named = {**SERVER, "tensor_parallel_size": 1}
    assert judge(host(), gpu, servers=[{**named, "gpus": "0,1"}])["problems"] == []
    assert not judge(host(), gpu, servers=[{**named, "gpus": "0,4"}])["ok"]


def test_servers_that_take_device_nodes_need_no_toolkit() -> None:
    bare, server = host(toolkit={"version": None}), {**SERVER, "gpu_access": "device_nodes"}
    assert judge(bare, b200(), servers=[server])["problems"] == []
    both = judge(bare, b200(), servers=[server, {**SERVER, "name": "other"}])["problems"]
    assert [problem["id"] for problem in both] == ["toolkit_missing"]


def test_a_little_memory_is_borne() -> None:
    assert judge(host(), b200(device=(4, {"processes": [{**PROCESS, "memory_mib": 300}]})))["problems"] == []


def test_servers_that_need_more_gpus_than_there_are() -> None:
    found = judge(host(), h200(), servers=[{**SERVER, "tensor_parallel_size": 1, "gpus": "3"}])["problems"]
    assert [(problem["id"], problem["found"]) for problem in found] == [("gpus_missing", "1 of 4 on the PCI bus")]


def test_a_driver_that_is_signed_passes_secure_boot() -> None:
    assert judge(host(kernel={"secure_boot": True}), b200())["problems"] == []


def test_what_a_later_role_mends_does_not_fail() -> None:
    empty = host(docker=None, docker_problem="there is no Docker Engine at x; install one", toolkit={"version": None})
    roles = ["nvidia_driver", "docker", "nvidia_container_toolkit"]
    found = judge(empty, bare(b200()), mended_by=roles)
    assert found["ok"]
    assert found["failing"] == []
    assert {problem["id"] for problem in found["mended"]} >= {"docker_missing", "driver_missing", "toolkit_missing"}
    assert found["table"] == [
        "Will be mended by role docker: Docker (there is no Docker Engine at x)",
        "Will be mended by role nvidia_container_toolkit: container toolkit (none)",
        "Will be mended by role nvidia_driver: driver (none), ib_umad (not loaded), nvlsm (not installed), ibstat (not",
        "  installed), fabric manager (none)",
    ]
    assert found["sentence"] == (
        "to be prepared: 7 to be mended (Debian GNU/Linux 12 (bookworm), 8 x B200, no driver, no Docker)"
    )
    assert not judge(empty, bare(b200()), mended_by=["nvidia_driver", "docker"])["ok"]


@pytest.mark.parametrize(
    ("fail_on", "error_fails", "warning_fails"),
    [("error", True, False), ("warning", True, True), ("never", False, False)],
)
def test_what_fails_a_host(fail_on: str, error_fails: bool, warning_fails: bool) -> None:
    assert judge(host(python={"command": None}), b200(), fail_on=fail_on)["ok"] is not error_fails
    assert judge(host(cgroup=1), b200(), fail_on=fail_on)["ok"] is not warning_fails


def test_an_error_that_is_let_pass_is_told_as_such() -> None:
    found = judge(host(python={"command": None}), b200(), fail_on="never")
    assert found["sentence"].startswith("let pass: 1 error (")


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="wanted one of error, warning, never, found 'always'"):
        judge(host(), b200(), fail_on="always")


def test_what_is_accepted_is_a_warning() -> None:
    found = judge(host(), b200(xids=[xid(79, "host")]), accepted=["xid_grave"])
    assert found["ok"]
    assert [problem["severity"] for problem in found["problems"]] == ["warning"]


TABLE = """\
         problem     wanted  found                          what to do
-------  ----------  ------  -----------------------------  ------------------------------------------------------------
ERROR    port 8000   free    nginx[812] listens on it       stop it (ss -ltnp 'sport = 8000' shows it), or give server
                                                            gpt-oss-120b another port
ERROR    GPUs        8       7 of 8 answer the driver,      look for its address in the kernel log; reboot, and have it
                             missing 0000:df:00.0 (B200)    looked at when it stays away
WARNING  open files  8,192   1,024                          raise the hard limit of nofile in /etc/security/limits.conf
"""


def test_the_table() -> None:
    taken = {"used": True, "addresses": ["0.0.0.0"], "by": "nginx[812]", "container": None}
    worn = host(limits={"nofile_hard": 1024}, ports={"8000": taken}, docker={"containers": []})
    found = judge(worn, b200(devices=b200()["devices"][:7]))
    assert found["table"] == TABLE.splitlines()
    assert found["sentence"].startswith("NOT READY: 2 errors, 1 warning (")


def in_code() -> set[tuple[str, str, str]]:
    """Return the id, severity and mender of each problem that the code can make, "*" where it depends."""
    made = set()
    for path in (ROOT / "plugins/plugin_utils").glob("_preflight_*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "problem":
                continue
            identity, severity = (arg.value if isinstance(arg, ast.Constant) else "*" for arg in call.args[:2])
            role = call.args[6] if len(call.args) > 6 else None
            mender = "" if role is None else constants.get(role.id, "*") if isinstance(role, ast.Name) else role.value  # type: ignore[attr-defined]
            made.add((str(identity), str(severity), str(mender)))
    return made


def test_the_readme_tells_what_each_problem_means() -> None:
    text = (ROOT / "roles/preflight/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (.+) \| (.*) \|$", text, re.MULTILINE)
    documented = {identity: (severity, role.strip("` ")) for identity, severity, _meaning, role in rows}
    assert len(documented) == len(rows)
    for identity, severity, mender in in_code():
        if identity == "*":
            continue
        assert identity in documented, identity
        assert severity in ("*", documented[identity][0]), identity
        assert mender in ("*", documented[identity][1]), identity
    assert set(documented) == {identity for identity, *_rest in in_code() if identity != "*"} | {
        "docker_missing",
        "docker_stopped",
        "docker_denied",
        "ib_umad_missing",
        "nvlsm_missing",
        "ibstat_missing",
    }
    assert set(documented) == {case[3] for case in CASES}, "each problem has a broken host in the table above"


def test_the_addresses_are_those_of_the_devices() -> None:
    assert [row["address"] for row in b200()["pci"]] == [f"0000:{bus}:00.0" for bus in ADDRESSES]


REAL = ROOT / "tests/unit/plugins/module_utils/fixtures/gpu"


@pytest.mark.parametrize(
    ("name", "gpu", "expected"),
    [
        ("b200x8.xml", b200(), []),
        ("h200-idle.xml", h200(), []),
        ("h200x2-vm.xml", h200(present=2), []),
        ("h200-busy.xml", h200(), ["gpu_memory_in_use"]),
    ],
)
def test_what_nvidia_smi_says_of_sound_gpus(name: str, gpu: Fact, expected: list[str]) -> None:
    devices = parse((REAL / name).read_text()).devices
    bus = [{**gpu["pci"][0], "address": device["pci_address"]} for device in devices]
    found = judge(host(), {**gpu, "devices": list(devices), "pci": bus}, servers=[])
    assert [problem["id"] for problem in found["problems"]] == expected


@pytest.mark.parametrize("gpus", [None, 0, 8])
def test_what_could_not_be_found_out_breaks_nothing(gpus: int | None) -> None:
    assert preflight_problems({}, {}, gpus=gpus)["problems"]
    for name in host():
        judge(host(**{name: None}), b200(), gpus=gpus)
        judge({key: value for key, value in host().items() if key != name}, b200(), gpus=gpus)
    for name in b200():
        judge(host(), {**b200(), name: None}, gpus=gpus)
    for name in device(0, "B200"):
        judge(host(), b200(device=(0, {name: None})), gpus=gpus)
    for server in ({"name": "a"}, {"port": "x", "gpus": None, "tensor_parallel_size": "many"}, {"bind_address": "me"}):
        judge(host(), b200(), gpus=gpus, servers=[server])
