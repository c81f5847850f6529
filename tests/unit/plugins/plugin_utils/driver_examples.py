# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, GPUs and repositories in the shape of the facts, for the tests of the driver's plan."""

from __future__ import annotations

from typing import Any

KERNELS = {"debian": "6.1.0-37-amd64", "ubuntu": "6.8.0-60-generic", "redhat": "5.14.0-570.el9_6.x86_64"}
SYSTEMS = {
    "debian12": ("debian", "12", "debian", KERNELS["debian"]),
    "debian13": ("debian", "13", "debian", "6.12.41+deb13-amd64"),
    "ubuntu2204": ("ubuntu", "22.04", "debian", "5.15.0-140-generic"),
    "ubuntu2404": ("ubuntu", "24.04", "debian", KERNELS["ubuntu"]),
    "ubuntu2404-cloud": ("ubuntu", "24.04", "debian", "6.8.0-1031-aws"),
    "rhel9": ("rhel", "9.6", "redhat", KERNELS["redhat"]),
    "rocky9": ("rocky", "9.6", "redhat", KERNELS["redhat"]),
    "rhel10": ("rhel", "10.0", "redhat", "6.12.0-55.el10_0.x86_64"),
    "rocky10": ("rocky", "10.0", "redhat", "6.12.0-55.el10_0.x86_64"),
}
RELEASES = ("570.124.06", "570.133.20", "575.57.08", "580.82.07", "580.95.05", "590.44.01", "590.48.01")


def host(system: str = "debian12", **changes: Any) -> dict[str, Any]:
    name, version, family, kernel = SYSTEMS[system]
    major = int(version.partition(".")[0])
    system_facts = {"id": name, "version": version, "major": major, "family": family, "name": f"{name} {version}"}
    facts: dict[str, Any] = {
        "distribution": system_facts,
        "kernel": {"release": kernel, "headers": False, "secure_boot": False},
        "services": {},
        "packages": {},
        "held": [],
        "files": {},
        "docker": None,
    }
    return {**facts, **changes}


def gpu(
    model: str = "B200",
    loaded: str | None = None,
    on_disk: str | None = None,
    flavour: str = "open",
    on_disk_flavour: str | None = None,
    manager: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    generation = {"B200": "blackwell", "B300": "blackwell", "H100": "hopper", "L40S": "ada", "P100": "pascal"}[model]
    on_disk = on_disk or loaded
    facts: dict[str, Any] = {
        "present": 8,
        "pci": [{"address": f"0000:{n:02x}:00.0", "name": model, "kernel_driver": None} for n in range(8)],
        "nvswitches": 4 if model == "H100" else 0,
        "generation": generation,
        "nvlink5": None if loaded is None else model.startswith("B"),
        "driver": {
            "loaded": loaded is not None,
            "version": loaded,
            "flavour": flavour if loaded else None,
            "on_disk_version": on_disk,
            "on_disk_flavour": (on_disk_flavour or flavour) if on_disk else None,
            "nouveau_loaded": False,
        },
        "smi": {"state": "ok" if loaded else "absent", "exit_code": 0 if loaded else None, "error": ""},
        "devices": [device(n, model) for n in range(8)] if loaded else [],
        "fabric_manager": {"version": manager, "binary": manager is not None, "nvlsm": manager is not None, "log": []},
        "ib_umad": manager is not None and model.startswith("B"),
        "ibstat": manager is not None,
        "persistenced": loaded is not None,
    }
    return {**facts, **changes}


def device(index: int, model: str = "B200", state: str = "Completed", status: str = "Success") -> dict[str, Any]:
    fabric = {"state": state, "status": status, "health": {}} if model != "L40S" else {"state": "N/A", "status": "N/A"}
    return {"index": index, "name": f"NVIDIA {model}", "fabric": fabric, "processes": []}


def good_host(system: str, release: str, pinned: bool = True, **changes: Any) -> dict[str, Any]:
    """A host whose driver came from packages and needs nothing but its small files."""
    revision = "-1" if host(system)["distribution"]["family"] == "debian" else "-1.el9"
    epoch = "" if host(system)["distribution"]["family"] == "debian" else "3:"
    names = ["nvidia-open", "nvidia-fabricmanager", "nvidia-persistenced"]
    packages = {name: f"{epoch if name != 'nvidia-fabricmanager' else ''}{release}{revision}" for name in names}
    packages.update(
        {"nvlsm": "2025.10.14-1", "infiniband-diags": "44.0-2", "python3-dnf-plugin-versionlock": "4.3.0-1"}
    )
    if pinned:
        packages[f"nvidia-driver-pinning-{release.split('.')[0]}"] = "1-1"
    running = {"exists": True, "active": "active", "enabled": "enabled"}
    services = {"nvidia-fabricmanager.service": running, "nvidia-persistenced.service": running}
    return host(system, **{"packages": packages, "services": services, **changes})


def cuda_apt(system: str = "debian12", releases: tuple[str, ...] = RELEASES) -> dict[str, Any]:
    """NVIDIA's repository for apt: what it names changes with the branch."""
    offers: dict[str, list[str]] = {"nvlsm": ["2025.10.14-1"], "infiniband-diags": ["44.0-2"]}
    kernel = SYSTEMS[system][3]
    offers[f"linux-headers-{kernel}"] = ["1"]
    if system == "ubuntu2404-cloud":
        offers[f"linux-modules-extra-{kernel}"] = ["1"]
    for release in reversed(releases):
        branch, version = release.split(".")[0], f"{release}-1"
        for name in ("nvidia-open", "cuda-drivers", "nvidia-persistenced"):
            offers.setdefault(name, []).append(version)
        if branch <= "580":
            offers.setdefault(f"nvidia-open-{branch}", []).append(version)
            offers.setdefault(f"nvidia-driver-{branch}-open", []).append(version)
            offers.setdefault(f"cuda-drivers-{branch}", []).append(version)
        manager = "nvidia-fabricmanager" if branch >= "580" else f"nvidia-fabricmanager-{branch}"
        offers.setdefault(manager, []).append(version)
        offers[f"nvidia-driver-pinning-{branch}"] = ["1-1"]
        offers[f"nvidia-driver-pinning-{release}"] = ["1-1"]
    return table(offers)


def cuda_dnf(releases: tuple[str, ...] = RELEASES, suffix: str = "el9") -> dict[str, Any]:
    """NVIDIA's repository for dnf; on RHEL 9 with the one stream's releases that is enabled."""
    offers = {
        name: [f"3:{release}-1.{suffix}" for release in reversed(releases)]
        for name in ("nvidia-open", "cuda-drivers", "nvidia-persistenced")
    }
    offers["nvidia-fabricmanager"] = [f"{release}-1" for release in reversed(releases)]
    offers.update({"nvlsm": ["2025.10.14-1"], "infiniband-diags": ["54.0-1"], "dkms": ["3.1.6-1"]})
    offers["kernel-devel-matched"] = ["5.14.0-570.el9_6", "6.12.0-55.el10_0"]
    offers["python3-dnf-plugin-versionlock"] = ["4.3.0-1"]
    return table(offers)


def table(offers: dict[str, list[str]]) -> dict[str, Any]:
    return {
        name: {"installed": None, "candidate": versions[0], "available": versions} for name, versions in offers.items()
    }
