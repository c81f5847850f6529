"""Facts gpt_oss_host for the tests of the role docker's plan, and the role's wishes with its defaults."""

from __future__ import annotations

from typing import Any

BASE: dict[str, Any] = {
    "user": {"name": "root", "root": True},
    "init": "systemd",
    "packages": {},
    "held": [],
    "services": {"docker.service": {"exists": False, "active": "inactive", "enabled": "not-found"}},
    "docker": None,
    "docker_problem": "there is no Docker Engine at unix:///var/run/docker.sock",
    "docker_binary": None,
    "containerd_root": "/var/lib/containerd",
    "daemon_json": {"path": "/etc/docker/daemon.json", "exists": False, "settings": {}, "error": ""},
}
DISTRIBUTIONS: dict[str, dict[str, Any]] = {
    "debian12": {"id": "debian", "major": 12, "codename": "bookworm", "family": "debian", "name": "Debian 12"},
    "debian13": {"id": "debian", "major": 13, "codename": "trixie", "family": "debian", "name": "Debian 13"},
    "ubuntu2204": {"id": "ubuntu", "major": 22, "codename": "jammy", "family": "debian", "name": "Ubuntu 22.04"},
    "ubuntu2404": {"id": "ubuntu", "major": 24, "codename": "noble", "family": "debian", "name": "Ubuntu 24.04"},
    "rhel9": {"id": "rhel", "major": 9, "codename": "", "family": "redhat", "name": "RHEL 9"},
    "rocky9": {"id": "rocky", "major": 9, "codename": "", "family": "redhat", "name": "Rocky Linux 9"},
    "rhel10": {"id": "rhel", "major": 10, "codename": "", "family": "redhat", "name": "RHEL 10"},
    "rocky10": {"id": "rocky", "major": 10, "codename": "", "family": "redhat", "name": "Rocky Linux 10"},
}
OFFICIAL = ["docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin"]
VERSIONS = {
    "debian": "5:28.2.2-1~debian.12~bookworm",
    "redhat": "3:28.2.2-1.el9",
}
ENGINE: dict[str, Any] = {
    "version": "28.2.2",
    "root": "/var/lib/docker",
    "image_store": "graphdriver",
    "runtimes": ["io.containerd.runc.v2", "runc"],
    "default_runtime": "runc",
    "live_restore": False,
    "log_driver": "json-file",
    "swarm": False,
    "running_containers": 0,
}
DEFAULTS: dict[str, Any] = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "100m", "max-file": "5"},
    "live-restore": True,
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1048576, "Hard": 1048576}},
}


def bare(distribution: str = "debian12", **changes: Any) -> dict[str, Any]:
    """A host that has just been installed."""
    return {**BASE, "distribution": DISTRIBUTIONS[distribution], **changes}


def official(distribution: str = "debian12", written: dict[str, Any] | None = None, **engine: Any) -> dict[str, Any]:
    """A host with Docker's packages, whose engine says `engine` of itself."""
    host = bare(distribution)
    version = VERSIONS[host["distribution"]["family"]].replace("28.2.2", engine.get("version", "28.2.2"))
    return _running(host, {"docker-ce": version, "containerd.io": "1.7.27-1"}, written, engine)


def distributed(version: str = "20.10.24", written: dict[str, Any] | None = None, **engine: Any) -> dict[str, Any]:
    """A Debian host with the distribution's package."""
    packages = {"docker.io": f"{version}+dfsg1-1+deb12u1", "containerd": "1.6.20~ds1-1", "runc": "1.1.5+ds1-1"}
    return _running(bare(), packages, written, {"version": version, **engine})


def wishes(**changes: Any) -> dict[str, Any]:
    """The options of docker_plan with the role's defaults for Debian 12."""
    return {
        "source": "auto",
        "version": "",
        "minimum_version": "20.10",
        "packages": {"kept": [], "official": OFFICIAL, "distribution": ["docker.io"]},
        "conflicting_packages": ["docker-compose", "docker-compose-v2", "docker-doc", "podman-docker"],
        "settings": {},
        "defaults": DEFAULTS,
        "data_root": "",
        "containerd_root": "",
        "replace_running": False,
        "docker_host": "unix:///var/run/docker.sock",
        "repository_managed": True,
        "repository_uri": "https://download.docker.com/linux/debian",
        "repository_fingerprints": ["9DC858229FC7DD38854AE2D88D81803C0EBFCD88"],
        "repository_trusted": False,
        "packages_folder": "",
        "occupied": [],
        **changes,
    }


def _running(
    host: dict[str, Any], packages: dict[str, str], written: dict[str, Any] | None, engine: dict[str, Any]
) -> dict[str, Any]:
    return {
        **host,
        "packages": packages,
        "services": {"docker.service": {"exists": True, "active": "active", "enabled": "enabled"}},
        "docker": {**ENGINE, **engine},
        "docker_problem": "",
        "docker_binary": "/usr/bin/dockerd",
        "daemon_json": {**host["daemon_json"], "exists": bool(written), "settings": written or {}},
    }
