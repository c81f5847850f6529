"""Sound hosts for tests of preflight, as host_info and gpu_info tell of them."""

from __future__ import annotations

import copy
from typing import Any

Fact = dict[str, Any]
OWN, FOREIGN = "a" * 64, "b" * 64
SERVICE = "nvidia-fabricmanager.service"
ADDRESSES = ("1b", "43", "52", "61", "9d", "c3", "d1", "df")


def host(**changes: Any) -> Fact:
    """Return a sound Debian host with Docker 28.2 and the toolkit."""
    fact: Fact = {
        "distribution": {
            "id": "debian",
            "version": "12",
            "major": 12,
            "codename": "bookworm",
            "family": "debian",
            "name": "Debian GNU/Linux 12 (bookworm)",
        },
        "architecture": "x86_64",
        "user": {"name": "root", "root": True},
        "kernel": {"release": "6.1.0-40-amd64", "command_line": "", "headers": True, "secure_boot": False},
        "init": "systemd",
        "virtualization": "none",
        "python": {"command": "/usr/bin/python3"},
        "memory": {"total_bytes": 2 << 40, "available_bytes": 2 << 40, "shm_bytes": 1 << 40},
        "limits": {"nofile_soft": 1024, "nofile_hard": 1048576},
        "cgroup": 2,
        "filesystems": {
            path: {
                "mount": "/",
                "total_bytes": 4 << 40,
                "free_bytes": 2 << 40,
                "total_inodes": 10**8,
                "free_inodes": 10**8,
                "read_only": False,
            }
            for path in ("/var/lib/gpt_oss/huggingface", "/var/lib/docker", "/var/lib/containerd")
        },
        "ports": {"8000": {"used": False, "addresses": [], "by": None, "container": None}},
        "clock": {"synchronized": True, "skew_seconds": 0.7},
        "services": {SERVICE: {"exists": True, "active": "active", "enabled": "enabled"}},
        "packages": {},
        "held": [],
        "files": {},
        "docker": {
            "version": "28.2.2",
            "api_version": "1.50",
            "root": "/var/lib/docker",
            "storage_driver": "overlay2",
            "image_store": "graphdriver",
            "runtimes": ["nvidia", "runc"],
            "default_runtime": "runc",
            "cgroup_driver": "systemd",
            "cgroup_version": "2",
            "live_restore": True,
            "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
            "running_containers": 1,
            "experimental": False,
            "containers": [{"id": OWN, "name": "gpt-oss-120b", "own": True, "ports": [8000]}],
        },
        "docker_problem": "",
        "docker_binary": "/usr/bin/dockerd",
        "containerd_root": "/var/lib/containerd",
        "daemon_json": {"path": "/etc/docker/daemon.json", "exists": True, "settings": {}, "error": ""},
        "toolkit": {
            "version": "1.18.0",
            "cdi_devices": ["nvidia.com/gpu=0", "nvidia.com/gpu=all"],
            "cdi_specs": ["/var/run/cdi/nvidia.yaml"],
        },
        "reboot_required": {"required": False, "reasons": []},
        "unattended_upgrades": False,
        "addresses": {"https://huggingface.co": {"ok": True, "status": 200, "seconds": 0.2, "error": ""}},
    }
    return changed(fact, changes)


def device(index: int, name: str, **changes: Any) -> Fact:
    """Return a sound GPU."""
    fact: Fact = {
        "index": index,
        "uuid": f"GPU-00000000-0000-4000-8000-00000000000{index}",
        "name": f"NVIDIA {name}",
        "architecture": "Blackwell" if name.startswith("B") else "Hopper",
        "pci_address": f"0000:{ADDRESSES[index]}:00.0",
        "minor": index,
        "memory_total_mib": 183359,
        "memory_used_mib": 0,
        "memory_free_mib": 182632,
        "memory_reserved_mib": 728,
        "persistence": True,
        "mig": False,
        "temperature_c": 33,
        "power_draw_w": 195.7,
        "power_limit_w": 1000.0,
        "throttle": [],
        "ecc": {
            "enabled": True,
            "volatile_uncorrectable": 0,
            "aggregate_uncorrectable": 0,
            "remapped_rows_pending": False,
            "remapped_rows_failure": False,
            "unrepairable_memory": False,
        },
        "recovery_action": None,
        "fabric": {"state": "Completed", "status": "Success", "health": {"summary": "Healthy", "bandwidth": "Full"}},
        "processes": [],
    }
    return changed(fact, changes)


def b200(**changes: Any) -> Fact:
    """Return a sound HGX B200 with eight GPUs."""
    fact: Fact = {
        "present": 8,
        "pci": [pci(index, "2901", "B200", "blackwell") for index in range(8)],
        "nvswitches": 0,
        "generation": "blackwell",
        "nvlink5": True,
        "driver": {
            "loaded": True,
            "version": "580.95.05",
            "flavour": "open",
            "on_disk_version": "580.95.05",
            "on_disk_flavour": "open",
            "nouveau_loaded": False,
            "cuda_version": "13.0",
        },
        "smi": {"state": "ok", "exit_code": 0, "error": ""},
        "devices": [device(index, "B200") for index in range(8)],
        "fabric_manager": {"version": "580.95.05", "binary": True, "nvlsm": True, "log": ["Detected NVL5+ system"]},
        "ib_umad": True,
        "ibstat": True,
        "persistenced": True,
        "xids": [],
        "kernel_log": "read",
    }
    return changed(fact, changes)


def h200(**changes: Any) -> Fact:
    """Return a sound virtual machine with one H200, which has no fabric."""
    alone = device(0, "H200", fabric={"state": "N/A", "status": "N/A", "health": {}})
    fact = b200(nvlink5=None, generation="hopper", ib_umad=False, ibstat=False, persistenced=False, present=1)
    fact["pci"] = [pci(0, "2335", "H200", "hopper")]
    fact["devices"] = [alone]
    fact["fabric_manager"] = {"version": None, "binary": False, "nvlsm": False, "log": []}
    return changed(fact, changes)


def no_gpu(**changes: Any) -> Fact:
    """Return a host without GPU and driver."""
    fact = h200(present=0, generation=None)
    fact |= {"pci": [], "devices": [], "driver": {"loaded": False, "nouveau_loaded": False}}
    fact["smi"] = {"state": "absent", "exit_code": None, "error": ""}
    return changed(fact, changes)


def bare(fact: Fact) -> Fact:
    """Return the same GPUs without driver and all that comes with it."""
    return changed(
        fact,
        {
            "devices": [],
            "driver": {
                "loaded": False,
                "version": None,
                "flavour": None,
                "on_disk_version": None,
                "on_disk_flavour": None,
            },
            "smi": {"state": "absent", "exit_code": None, "error": ""},
            "fabric_manager": {"version": None, "binary": False, "nvlsm": False, "log": []},
            "ib_umad": False,
            "ibstat": False,
            "persistenced": False,
        },
    )


def pci(index: int, device_id: str, name: str | None, generation: str | None, driver: str = "nvidia") -> Fact:
    """Return a GPU on the bus."""
    return {
        "address": f"0000:{ADDRESSES[index]}:00.0",
        "device_id": device_id,
        "name": name,
        "generation": generation,
        "kernel_driver": driver,
    }


def changed(fact: Fact, changes: Fact) -> Fact:
    """Return a fact with changes, dictionaries merged one level deep; `device` is an index and that GPU's changes."""
    fact = copy.deepcopy(fact)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(fact.get(name), dict):
            fact[name] = {**fact[name], **value}
        elif name == "device":
            continue
        else:
            fact[name] = value
    if "device" in changes:
        index, own = changes["device"]
        fact["devices"][index] = changed(fact["devices"][index], own)
    return fact
