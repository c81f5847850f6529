"""Disks, packages, services, ports and the toolkit of a host."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_clock import clock
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_daemon import daemon_json, parse_settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_disks import filesystems, mount_of, mount_points
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_packages import locked_names, packages, parse_dpkg
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_ports import listening, ports
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_services import parse_show, services
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_toolkit import toolkit
from host_root import reader

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 8:2 / /var/lib/docker rw - xfs /dev/sdb rw
31 22 8:3 / /mnt/my\\040models ro - ext4 /dev/sdc ro
"""


def test_mount_points() -> None:
    mounts = mount_points(MOUNTS)
    assert mounts == ["/", "/var/lib/docker", "/mnt/my models"]
    assert mount_of("/var/lib/docker/overlay2", mounts) == "/var/lib/docker"
    assert mount_of("/var/lib/docker2", mounts) == "/"
    assert mount_of("/x", []) == "/"


def test_a_path_that_is_not_there_yet_lies_on_its_parents_disk(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/var/lib/file": ""})
    there, missing = filesystems(host, ["/var/lib", "/var/lib/gpt_oss/huggingface"]).values()
    assert there is not None and missing is not None
    # What is free changes meanwhile, as others write to the disk.
    fixed = {"mount", "source", "total_bytes", "total_inodes", "read_only"} & there.keys()
    assert {name: there[name] for name in fixed} == {name: missing[name] for name in fixed}
    assert there["total_bytes"] >= there["free_bytes"] > 0
    assert there["read_only"] is False


DPKG = "ii \tdocker-ce\t5:28.2.2-1\nhi \tnvidia-open\t580.95.05-1\nrc \tdocker.io\t20.10\nhn \tnvlsm\t\n"


def test_dpkg() -> None:
    assert parse_dpkg(DPKG) == ({"docker-ce": "5:28.2.2-1", "nvidia-open": "580.95.05-1"}, ["nvidia-open", "nvlsm"])


LOCKS = """\
# Added lock on Mon Jan  1
nvidia-driver-3:580.95.05-1.el9.*
!nvidia-open-0:590.1-1.el9.x86_64
*nvidia*580*
docker-ce-3:28.2.2-1.el9.x86_64
"""


def test_versionlock() -> None:
    assert locked_names(LOCKS) == ["*nvidia*580*", "docker-ce", "nvidia-driver"]


def test_packages_are_those_asked_for(tmp_path: Path) -> None:
    debian = reader(tmp_path, commands={"dpkg-query": (0, DPKG)})
    assert packages(debian, "debian", ["nvidia-*"]) == ({"nvidia-open": "580.95.05-1"}, ["nvidia-open", "nvlsm"])
    redhat = reader(
        tmp_path,
        {"/etc/dnf/plugins/versionlock.list": LOCKS},
        {"rpm -qa": (0, "kernel\t5.14.0-570.el9\ndocker-ce\t3:28.2.2-1.el9\n")},
    )
    installed, held = packages(redhat, "redhat", ["docker*", "podman"])
    assert installed == {"docker-ce": "3:28.2.2-1.el9"}
    assert "docker-ce" in held
    assert packages(reader(tmp_path), "other", ["*"]) == ({}, [])


SHOWN = """\
LoadState=loaded
ActiveState=active
UnitFileState=enabled

LoadState=not-found
ActiveState=inactive
UnitFileState=
"""


def test_services() -> None:
    assert parse_show(SHOWN, ["docker.service", "nvidia.service"]) == {
        "docker.service": {"exists": True, "active": "active", "enabled": "enabled"},
        "nvidia.service": {"exists": False, "active": "inactive", "enabled": "unknown"},
    }
    assert parse_show("System has not been booted with systemd", ["docker.service"]) == {}


def test_a_unit_enabled_without_a_reload_counts_as_enabled(tmp_path: Path) -> None:
    shown = SHOWN.replace("=enabled", "=disabled")
    listed = "docker.service enabled enabled\nnvidia.path masked -\n"
    host = reader(tmp_path, {}, {"systemctl show": (0, shown), "systemctl list-unit-files": (0, listed)})
    assert services(host, ["docker.service", "nvidia.service"])["docker.service"]["enabled"] == "enabled"


def test_services_without_systemd(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/lib/systemd/system/docker.service": ""}, {"systemctl": (1, "")})
    assert services(host, ["docker.service", "b.service"]) == {
        "docker.service": {"exists": True, "active": "unknown", "enabled": "unknown"},
        "b.service": {"exists": False, "active": "unknown", "enabled": "unknown"},
    }
    assert services(host, []) == {}


@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel's table is in the machine's byte order")
def test_who_listens_where() -> None:
    table = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100
   1: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 12 1
   2: 0000000000000000FFFF00000100000A:1F40 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 13 1
   3: 0100007F:1F41 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0 100
"""
    assert listening(table, 8000) == ["10.0.0.1", "127.0.0.1", "::"]
    assert listening(table, 8001) == []


def test_a_real_listener_is_named(tmp_path: Path) -> None:
    del tmp_path
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = ports(reader(Path("/")), [port])[str(port)]
    assert found["used"]
    assert found["addresses"] == ["127.0.0.1"]
    assert "[" in found["by"]


def test_a_listener_is_found_among_tens_of_thousands_of_connections(tmp_path: Path) -> None:
    row = "{:4}: 0100007F:{:04X} 0100007F:9999 {} 00000000:00000000 00:00000000 0 0 0 0 1\n"
    busy = [row.format(number, 10_000 + number, "06") for number in range(20_000)]
    folder = tmp_path / "proc" / "net"
    folder.mkdir(parents=True)
    (folder / "tcp").write_text(
        "  sl  local_address rem_address   st\n" + "".join([*busy, row.format(20_000, 8000, "0A")])
    )
    found = ports(reader(tmp_path), [8000, 10_000])
    assert (found["8000"]["used"], found["8000"]["addresses"]) == (True, ["127.0.0.1"])
    assert found["10000"]["used"] is False


def test_the_clock() -> None:
    assert clock(None)["skew_seconds"] is None
    assert clock(time.time() - 100)["skew_seconds"] == pytest.approx(100, abs=5)
    assert clock(None)["synchronized"] in (True, False, None)


@pytest.mark.parametrize(
    ("text", "settings", "error"),
    [
        ("", {}, ""),
        ('{"data-root": "/data", "proxies": {"http-proxy": "http://u:p@h"}}', {"data-root": "/data"}, ""),
        ('{"log-opts": {"max-size": "1g", "splunk-token": "secret"}}', {"log-opts": {"max-size": "1g"}}, ""),
        (
            '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}}, "default-runtime": "nvidia"}',
            {"default-runtime": "nvidia", "runtimes": {"nvidia": "nvidia-container-runtime"}},
            "",
        ),
        ("[]", {}, "it holds no JSON object"),
        ("{,}", {}, "it is not JSON: "),
        (None, {}, "it cannot be read"),
    ],
)
def test_settings_of_the_engine(text: str | None, settings: dict[str, Any], error: str) -> None:
    found = parse_settings(text)
    assert found[0] == settings
    assert found[1].startswith(error)
    assert bool(found[1]) == bool(error)


def test_no_settings(tmp_path: Path) -> None:
    found = daemon_json(reader(tmp_path))
    assert found == {"path": "/etc/docker/daemon.json", "exists": False, "settings": {}, "error": ""}


def test_toolkit(tmp_path: Path) -> None:
    assert toolkit(reader(tmp_path)) == {"version": None, "cdi_devices": [], "cdi_specs": []}
    host = reader(
        tmp_path,
        {"/etc/cdi/nvidia.yaml": "", "/var/run/cdi/other.json": "", "/etc/cdi/README": ""},
        {
            "nvidia-ctk --version": (0, "NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a\n"),
            "nvidia-ctk cdi list": (0, "INFO Found 2 CDI devices\nnvidia.com/gpu=0\nnvidia.com/gpu=all\n"),
        },
    )
    assert toolkit(host) == {
        "version": "1.17.8",
        "cdi_devices": ["nvidia.com/gpu=0", "nvidia.com/gpu=all"],
        "cdi_specs": ["/etc/cdi/nvidia.yaml", "/var/run/cdi/other.json"],
    }
