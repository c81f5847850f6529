"""The simulated GPUs of the test instances: a real systemd host in a container, and what gpu_info sees in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import ROOT

IMAGE = "gpt-oss-fleet/bare:debian12"
HARDWARE = ROOT / "tests" / "tools" / "hardware"
SMI = ROOT / "tests" / "tools" / "repositories" / "files" / "smi" / "nvidia-smi"
ANSIBLE = str(Path(sys.executable).parent / "ansible")
SSHD = "/usr/sbin/sshd -i -o UsePAM=no -o PermitRootLogin=yes -o PermitEmptyPasswords=yes"
SSH = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"


@dataclass
class Instance:
    """A host with simulated hardware."""

    name: str

    def run(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = ["docker", "exec", self.name, "sh", "-c", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def set(self, **hardware: Any) -> None:
        """Change the hardware."""
        self.run(f"/srv/hardware/hardware.py set '{json.dumps(hardware)}'")

    def install(self, version: str, flavour: str = "open") -> None:
        """Put a driver on disk, as its stub package does."""
        self.run("mkdir -p /usr/share/nvidia-stub")
        self.run(f"printf 'version={version}\\nflavour={flavour}\\n' > /usr/share/nvidia-stub/driver")

    def gpu_info(self) -> dict[str, Any]:
        variables = {
            "ansible_connection": "ssh",
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f'{SSH} -o ProxyCommand="docker exec -i {self.name} {SSHD}"',
        }
        argv = [ANSIBLE, "all", "-i", f"{self.name},", "-m", "gpt_oss.fleet.gpu_info", "-e", json.dumps(variables)]
        environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, env=environment)
        assert "SUCCESS" in done.stdout, done.stdout + done.stderr
        return dict(json.loads(done.stdout.partition("=>")[2])["gpu"])


@pytest.fixture
def instance(engine: docker.APIClient, prefix: str, tmp_path: Path) -> Iterator[Instance]:
    """A booted host with eight B200 and no driver."""
    if not engine.images(IMAGE):
        built = subprocess.run([str(ROOT / "tests/tools/host_image.sh"), "bare", "debian12"], check=False)
        assert built.returncode == 0
    configuration = tmp_path / "hardware.json"
    configuration.write_text(json.dumps({"gpus": 8, "model": "B200"}))
    name = f"{prefix}-gpus"
    options = ["--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec", "--cgroupns=host", "--cap-add=SYS_ADMIN"]
    options += ["--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--stop-signal=SIGRTMIN+3"]
    options += ["--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
    mounts = {configuration: "/srv/hardware.json", HARDWARE: "/srv/hardware", SMI: "/usr/bin/nvidia-smi"}
    options += [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    subprocess.run(["docker", "run", "--detach", f"--name={name}", *options, IMAGE], check=True, capture_output=True)
    host = Instance(name)
    wait_for_boot(host)
    host.run("/srv/hardware/hardware.py install")
    yield host


def wait_for_boot(host: Instance) -> None:
    state, end = "", time.monotonic() + 30
    while state != "running" and time.monotonic() < end:
        state = host.run("systemctl is-system-running --wait", check=False).stdout.strip()
        time.sleep(0 if state == "running" else 0.3)
    assert state == "running", state


def fabric(gpu: dict[str, Any]) -> set[str]:
    return {device["fabric"]["state"] for device in gpu["devices"]}


def test_from_bare_to_a_fabric_and_through_a_reboot(instance: Instance, engine: docker.APIClient) -> None:
    bare = instance.gpu_info()
    assert (bare["present"], bare["generation"], bare["nvlink5"]) == (8, "blackwell", True)
    assert (bare["driver"]["loaded"], bare["driver"]["on_disk_version"]) == (False, None)
    assert (bare["smi"]["state"], bare["smi"]["exit_code"], bare["ib_umad"]) == ("failed", 9, False)
    assert {gpu["kernel_driver"] for gpu in bare["pci"]} == {None}

    instance.install("580.95.05")
    instance.run("modprobe nvidia && modprobe ib_umad")
    loaded = instance.gpu_info()
    assert (loaded["driver"]["version"], loaded["driver"]["flavour"]) == ("580.95.05", "open")
    assert (loaded["driver"]["on_disk_version"], loaded["driver"]["on_disk_flavour"]) == ("580.95.05", "open")
    assert (loaded["smi"]["state"], len(loaded["devices"]), loaded["ib_umad"]) == ("ok", 8, True)
    assert {gpu["kernel_driver"] for gpu in loaded["pci"]} == {"nvidia"}
    assert fabric(loaded) == {"In Progress"}

    instance.run("touch /run/hardware/fabricmanager")
    assert fabric(instance.gpu_info()) == {"Completed"}

    instance.install("590.48.01")
    upgraded = instance.gpu_info()
    assert (upgraded["smi"]["state"], upgraded["smi"]["exit_code"]) == ("mismatch", 18)
    assert (upgraded["driver"]["version"], upgraded["driver"]["on_disk_version"]) == ("580.95.05", "590.48.01")

    instance.run("echo ib_umad > /etc/modules-load.d/ib_umad.conf")
    engine.restart(instance.name, timeout=20)
    wait_for_boot(instance)
    booted = instance.gpu_info()
    assert (booted["smi"]["state"], booted["driver"]["version"]) == ("ok", "590.48.01")
    assert (fabric(booted), booted["ib_umad"]) == ({"In Progress"}, True)


def test_broken_hardware(instance: Instance) -> None:
    instance.install("580.95.05")
    instance.run("modprobe nvidia")
    process = {"gpu": 3, "pid": 1, "name": "python3", "memory_mib": 2048}
    instance.set(
        missing_gpus=1,
        xids=[{"gpu": 2, "xid": 79, "text": "pid=7, GPU has fallen off the bus."}, 13],
        processes=[process],
        devices={
            "1": {"throttle": ["hw_thermal_slowdown"], "volatile_uncorrectable": 2, "recovery_action": "Reset"},
            "4": {"persistence": True, "mig": True, "remapped_rows_pending": True},
        },
    )
    gpu = instance.gpu_info()
    devices = gpu["devices"]
    assert (gpu["present"], len(devices)) == (7, 7)
    assert [(one["pci_address"], one["xid"]) for one in gpu["xids"]] == [("0000:52:00.0", 79), ("0000:1b:00.0", 13)]
    assert devices[1]["throttle"] == ["hw_thermal_slowdown"]
    assert (devices[1]["ecc"]["volatile_uncorrectable"], devices[1]["recovery_action"]) == (2, "Reset")
    assert (devices[4]["persistence"], devices[4]["mig"], devices[0]["persistence"]) == (True, True, False)
    assert devices[4]["ecc"]["remapped_rows_pending"] is True
    assert (devices[3]["memory_used_mib"], devices[3]["processes"][0]["pid"]) == (2048, 1)
    assert devices[3]["processes"][0]["container"] is None


# What is asked of the hardware, the flavour on disk, and what modprobe says.
REFUSALS = [
    ({"secure_boot": True}, "open", "Key was rejected by service"),
    ({"gpus": 0}, "open", "No such device"),
    ({"modules_missing": ["nvidia"]}, "open", "not found in directory"),
]


def test_refusals_of_the_kernel(instance: Instance) -> None:
    instance.install("580.95.05")
    for hardware, flavour, said in REFUSALS:
        instance.set(**hardware)
        instance.install("580.95.05", flavour)
        refused = instance.run("modprobe nvidia", check=False)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
        instance.run("rm /run/hardware/changes.json")
    assert instance.gpu_info()["driver"]["loaded"] is False
    instance.install("580.95.05", "proprietary")
    instance.run("modprobe nvidia")
    gpu = instance.gpu_info()
    assert (gpu["driver"]["flavour"], gpu["devices"]) == ("proprietary", [])
    assert (gpu["smi"]["exit_code"], gpu["smi"]["error"]) == (6, "No devices were found")
    assert "requires use of the NVIDIA open kernel modules" in instance.run("dmesg").stdout
    instance.run("modprobe -r nvidia && /srv/hardware/hardware.py reset")
    gone = instance.gpu_info()
    assert (gone["present"], gone["nvlink5"], gone["driver"]["loaded"]) == (0, None, False)
