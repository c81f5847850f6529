"""Operating system, kernel and limits of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _host_system as system
from host_root import reader

EFI = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
            ("debian", "12", 12, "bookworm", "debian", "Debian GNU/Linux 12 (bookworm)"),
        ),
        (
            'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n',
            ("ubuntu", "24.04", 24, "noble", "debian", "Ubuntu 24.04.3 LTS"),
        ),
        (
            'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\nPRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"\n',
            ("rocky", "9.6", 9, None, "redhat", "Rocky Linux 9.6 (Blue Onyx)"),
        ),
        ("ID=rhel\nVERSION_ID='10.0'\n", ("rhel", "10.0", 10, None, "redhat", "rhel")),
        ("ID=arch\n# BUILD=1\n", ("arch", None, None, None, "other", "arch")),
        ("", (None, None, None, None, "other", None)),
    ],
)
def test_distribution(text: str, expected: tuple[Any, ...]) -> None:
    assert tuple(system.parse_os_release(text).values()) == expected


@pytest.mark.parametrize(
    ("files", "commands", "expected"),
    [
        ({EFI: b"\x06\0\0\0\x01"}, {}, True),
        ({EFI: b"\x06\0\0\0\0"}, {}, False),
        ({"/sys/firmware/efi/runtime": ""}, {}, None),
        ({"/sys/firmware/efi/runtime": ""}, {"mokutil --sb-state": (0, "SecureBoot enabled\n")}, True),
        ({"/sys/firmware/efi/runtime": ""}, {"mokutil --sb-state": (0, "SecureBoot disabled\n")}, False),
        ({}, {}, False),
    ],
)
def test_secure_boot(tmp_path: Path, files: Any, commands: Any, expected: bool | None) -> None:
    assert system.secure_boot(reader(tmp_path, files, commands)) is expected


@pytest.mark.parametrize("there", [True, False])
def test_kernel(tmp_path: Path, there: bool) -> None:
    headers = {"/lib/modules/6.1.0-40-amd64/build/Makefile": ""} if there else {}
    host = reader(tmp_path, {"/proc/sys/kernel/osrelease": "6.1.0-40-amd64\n", "/proc/cmdline": "quiet\n", **headers})
    assert system.kernel(host) == {
        "release": "6.1.0-40-amd64",
        "command_line": "quiet",
        "headers": there,
        "secure_boot": False,
    }


def test_memory(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/proc/meminfo": "MemTotal:  1024 kB\nMemFree: 1 kB\nMemAvailable:   512 kB\n"})
    assert system.memory(host) == {"total_bytes": 1048576, "available_bytes": 524288, "shm_bytes": None}
    (tmp_path / "dev/shm").mkdir(parents=True)
    assert system.memory(host)["shm_bytes"] > 0


@pytest.mark.parametrize(
    ("family", "files", "commands", "required", "reasons"),
    [
        ("debian", {}, {}, False, []),
        ("debian", {"/run/reboot-required": "", "/run/reboot-required.pkgs": "b\na\nb\n"}, {}, True, ["a", "b"]),
        ("redhat", {}, {}, False, []),
        ("redhat", {}, {"needs-restarting -r": (0, "No core libraries")}, False, []),
        ("redhat", {}, {"needs-restarting -r": (1, "Core:\n  * kernel\n  * glibc\n")}, True, ["kernel", "glibc"]),
    ],
)
def test_reboot_required(
    tmp_path: Path, family: str, files: Any, commands: Any, required: bool, reasons: list[str]
) -> None:
    assert system.reboot_required(reader(tmp_path, files, commands), family) == {
        "required": required,
        "reasons": reasons,
    }


AUTO = '// a comment\nAPT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
TIMERS = "/etc/systemd/system/timers.target.wants"


@pytest.mark.parametrize(
    ("family", "files", "expected"),
    [
        ("debian", {}, False),
        ("debian", {"/etc/apt/apt.conf.d/20auto-upgrades": AUTO}, False),
        ("debian", {"/etc/apt/apt.conf.d/20auto-upgrades": AUTO, "/usr/bin/unattended-upgrade": ""}, True),
        (
            "debian",
            {
                "/etc/apt/apt.conf.d/20auto-upgrades": AUTO,
                "/etc/apt/apt.conf.d/99off": 'APT::Periodic::Unattended-Upgrade "0";',
                "/usr/bin/unattended-upgrade": "",
            },
            False,
        ),
        ("redhat", {"/etc/dnf/automatic.conf": "apply_updates = yes\n"}, False),
        (
            "redhat",
            {"/etc/dnf/automatic.conf": "apply_updates = yes\n", f"{TIMERS}/dnf-automatic.timer": ""},
            True,
        ),
        ("redhat", {"/etc/dnf/automatic.conf": "apply_updates = no\n", f"{TIMERS}/dnf-automatic.timer": ""}, False),
        ("redhat", {f"{TIMERS}/dnf-automatic-install.timer": ""}, True),
    ],
)
def test_unattended_upgrades(tmp_path: Path, family: str, files: Any, expected: bool) -> None:
    assert system.unattended_upgrades(reader(tmp_path, files), family) is expected


def test_control_groups_and_init(tmp_path: Path) -> None:
    host = reader(tmp_path)
    assert (system.cgroup(host), system.init(host), system.virtualization(host)) == (1, "other", None)
    host = reader(
        tmp_path,
        {"/sys/fs/cgroup/cgroup.controllers": "cpu", "/run/systemd/system/x": ""},
        {"systemd-detect-virt": (1, "none\n")},
    )
    assert (system.cgroup(host), system.init(host), system.virtualization(host)) == (2, "systemd", "none")
