"""What the role nvidia_container_toolkit would do, by distribution, Docker version and what is installed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.filter.toolkit_plan import FilterModule, toolkit_plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._toolkit_packages import PACKAGES, numbers, plan_packages

DRIVER = "580.95.05"
REGISTERED = {"runtimes": {"nvidia": "nvidia-container-runtime"}}
REFRESH_ON = {f"nvidia-cdi-refresh.{kind}": {"exists": True, "enabled": "enabled"} for kind in ("path", "service")}


def gpu(count: int = 8, **changes: Any) -> dict[str, Any]:
    return {
        "present": count,
        "driver": {"loaded": True, "version": DRIVER},
        "smi": {"state": "ok"},
        "devices": [{"uuid": f"GPU-{index}", "processes": []} for index in range(count)],
        **changes,
    }


def packages(*versions: str) -> dict[str, str]:
    """One version of all four packages, or a version of each."""
    return dict(zip(PACKAGES, versions * 4 if len(versions) == 1 else versions))


def docker(version: str, **changes: Any) -> dict[str, Any]:
    base = {
        "version": version,
        "runtimes": ["runc", "nvidia"],
        "cgroup_driver": "cgroupfs",
        "running_containers": 0,
        "live_restore": True,
    }
    return {**base, **changes}


def host(version: str = "28.2.2", release: str | None = "1.18.0", **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "distribution": {"id": "debian", "family": "debian", "name": "Debian GNU/Linux 12"},
        "init": "systemd",
        "packages": packages(f"{release}-1") if release else {},
        "held": [],
        "services": REFRESH_ON,
        "files": {"/var/run/cdi/nvidia.yaml": f"hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.{DRIVER}\n"},
        "docker": docker(version),
        "docker_problem": "",
        "docker_binary": "/usr/bin/docker",
        "daemon_json": {"path": "/etc/docker/daemon.json", "settings": dict(REGISTERED), "error": ""},
        "toolkit": {"version": release, "cdi_devices": ["nvidia.com/gpu=all"]},
    }
    return {**base, **changes}


def ids(plan: dict[str, Any], severity: str = "error") -> list[str]:
    return [problem["id"] for problem in plan["problems"] if problem["severity"] == severity]


def daemon_json(**settings: Any) -> dict[str, Any]:
    return {"path": "/etc/docker/daemon.json", "settings": settings, "error": ""}


@pytest.mark.parametrize("family", ["debian", "redhat"])
def test_a_host_that_is_done_needs_nothing(family: str) -> None:
    plan = toolkit_plan(host(distribution={"family": family, "name": family}), gpu(), gpus=8)
    assert plan["packages"]["action"] == "keep"
    assert plan["engine"] == {"settings": {}, "restart": False, "reasons": [], "reload": False}
    assert plan["cdi"] == {"path": "/var/run/cdi/nvidia.yaml", "state": "current", "generate": False, "enable": []}
    assert plan["problems"] == []
    assert (plan["expected_gpus"], plan["uuids"][0], len(plan["uuids"])) == (8, "GPU-0", 8)


@pytest.mark.parametrize(
    ("version", "asked", "mode", "served_by", "features"),
    [
        ("20.10.24+dfsg1", "auto", "legacy", "hook", None),
        ("26.0.2", "auto", "legacy", "hook", None),
        ("26.1.5+dfsg1", "auto", "cdi", "hook", {"cdi": True}),
        ("27.5.1", "auto", "cdi", "hook", {"cdi": True}),
        ("28.1.1", "auto", "cdi", "hook", {"cdi": True}),
        ("28.2.2", "auto", "cdi", "hook", None),
        ("29.1.0", "auto", "cdi", "hook", None),
        ("29.2.0", "auto", "cdi", "cdi", None),
        ("29.2.0", "legacy", "legacy", "hook", None),
        ("27.5.1", "legacy", "legacy", "hook", None),
    ],
)
def test_mode_by_docker_version(version: str, asked: str, mode: str, served_by: str, features: Any) -> None:
    plan = toolkit_plan(host(version), gpu(), mode=asked)
    assert (plan["mode"], plan["gpus_served_by"]) == (mode, served_by)
    assert plan["gpu_access"] == ("cdi" if mode == "cdi" else "device_requests")
    assert plan["engine"]["settings"].get("features") == features
    assert plan["engine"]["restart"] == (features is not None)


def test_cdi_that_somebody_switched_off_stays_off_unless_asked_for() -> None:
    settings = daemon_json(**REGISTERED, features={"cdi": False})
    assert toolkit_plan(host("29.2.0", daemon_json=settings), gpu())["mode"] == "legacy"
    plan = toolkit_plan(host("29.2.0", daemon_json=settings), gpu(), mode="cdi")
    assert plan["engine"]["settings"] == {"features": {"cdi": True}}
    on = daemon_json(**REGISTERED, features={"cdi": True})
    assert toolkit_plan(host("27.5.1", daemon_json=on), gpu())["engine"]["settings"] == {}


@pytest.mark.parametrize(
    ("written", "running", "registers", "restart"),
    [
        ({}, ["runc"], True, False),
        ({"runtimes": {"nvidia": "/usr/bin/nvidia-container-runtime"}}, ["runc", "nvidia"], False, False),
        ({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}, ["runc", "nvidia"], False, False),
        ({"runtimes": {"nvidia": "/opt/toolkit/nvidia-container-runtime.cdi"}}, ["runc", "nvidia"], False, False),
        ({"runtimes": {"nvidia": "/usr/bin/other"}}, ["runc", "nvidia"], True, False),
        ({}, ["runc", "nvidia"], True, False),  # taken out, and kept by the running engine
        (REGISTERED, ["runc"], False, True),  # by hand, and never restarted
        ({**REGISTERED, "default-runtime": "nvidia"}, ["runc", "nvidia"], False, False),
        ({"runtimes": {"kata": "kata"}, "default-runtime": "kata"}, ["runc", "kata"], True, False),
    ],
)
def test_runtime_is_registered_only_if_it_is_not(
    written: dict[str, Any], running: list[str], registers: bool, restart: bool
) -> None:
    known = host(docker=docker("28.2.2", runtimes=running), daemon_json=daemon_json(**written))
    engine = toolkit_plan(known, gpu())["engine"]
    wanted = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}}} if registers else {}
    assert engine["settings"] == wanted
    assert (engine["restart"], engine["reload"]) == (restart, registers)


@pytest.mark.parametrize(
    ("installed", "wish", "action", "reason"),
    [
        ({}, "", "install", "not installed"),
        (packages("1.17.8-1"), "", "keep", ""),
        (packages("1.18.0-1"), "", "keep", ""),
        (packages("1.18.0-1"), "1.18", "keep", ""),
        (packages("1.18.0-1"), "1.18.0", "keep", ""),
        (packages("1.18.0-1"), "1.18.0-1", "keep", ""),
        (packages("1.18.0-1"), "1.20.0", "install", "version 1.18.0 instead of 1.20.0"),
        (packages("1.20.0-1"), "1.18.0", "install", "version 1.20.0 instead of 1.18.0"),
        (packages("1.17.4-1"), "", "install", "older than 1.17.8"),
        (packages("1.18.0-1", "1.18.0-1", "1.17.8-1", "1.17.8-1"), "", "install", "different versions"),
        ({"nvidia-container-toolkit-base": "1.18.0-1"}, "", "install", "not installed: nvidia-container-toolkit,"),
        (packages("0:1.18.0-1"), "", "keep", ""),  # as rpm writes it
    ],
)
def test_what_is_installed(installed: dict[str, str], wish: str, action: str, reason: str) -> None:
    plan = toolkit_plan(host(packages=installed), gpu(), version=wish)["packages"]
    assert plan["action"] == action
    assert reason in plan["reason"]
    assert plan["apt"] == []


OFFERED = {
    name: {"installed": None, "candidate": "1.20.0-1", "available": ["1.20.0-1", "1.18.0-1", "1.17.8-1", "1.16.2-1"]}
    for name in PACKAGES
}


@pytest.mark.parametrize(
    ("wish", "version"),
    [("", "1.20.0-1"), ("1.18", "1.18.0-1"), ("1.18.0", "1.18.0-1"), ("1.17.8-1", "1.17.8-1"), ("1.19", None)],
)
def test_which_version_is_installed(wish: str, version: str | None) -> None:
    plan = toolkit_plan(host(release=None), gpu(), versions=OFFERED, version=wish)
    if version is None:
        assert ids(plan) == ["toolkit_unavailable"]
        assert "1.18.0, 1.20.0" in plan["problems"][0]["found"]
    else:
        assert plan["packages"]["apt"] == [f"{name}={version}" for name in PACKAGES]
        assert plan["packages"]["dnf"] == [f"{name}-{version}" for name in PACKAGES]


def test_one_version_of_all_four_is_taken_where_two_repositories_differ() -> None:
    newer = {"available": ["1.21.0-1", "1.20.0-1"]}  # NVIDIA's CUDA repository carries some of the packages too
    plan = plan_packages({}, "", {**OFFERED, "libnvidia-container1": newer})
    assert {version for _name, version in plan.install} == {"1.20.0-1"}
    assert plan_packages({}, "", {**OFFERED, "libnvidia-container1": {"available": []}}).problem


def test_release_candidates_come_before_their_release() -> None:
    assert numbers("1.18.0~rc.1-1") < numbers("1.18.0-1") < numbers("1.18.1-1")
    assert numbers("5:28.2.2-1~debian.12~bookworm") == numbers("28.2.2")


@pytest.mark.parametrize(
    ("changes", "gpu_changes", "options", "expected"),
    [
        ({}, {"present": 7}, {"gpus": 8}, ["gpus_missing"]),
        ({}, {"present": 0}, {}, ["gpus_missing"]),
        ({}, {"driver": {"loaded": False}}, {}, ["driver_missing"]),
        ({}, {"smi": {"state": "mismatch", "error": "NVML library version: 580.1"}}, {}, ["driver_mismatch"]),
        ({"docker": None, "docker_problem": "no engine"}, {}, {}, ["docker_missing"]),
        ({"docker": docker("18.9.1")}, {}, {}, ["docker_too_old"]),
        ({"docker": docker("20.10.24")}, {}, {"mode": "cdi"}, ["docker_too_old_for_cdi"]),
        ({"docker": docker("20.10.24")}, {}, {"gpu_access": "cdi"}, ["access_without_cdi"]),
        ({"docker_binary": "/snap/bin/docker"}, {}, {}, ["docker_is_snap"]),
        ({"daemon_json": {"settings": {}, "error": "no JSON"}}, {}, {}, ["daemon_json_broken"]),
        ({}, {}, {"version": "1.16.2"}, ["toolkit_too_old"]),
        ({}, {}, {"version": "1.17"}, []),
        ({"packages": {}, "held": ["libnvidia-container1"]}, {}, {}, ["toolkit_held"]),
        ({"held": ["libnvidia-container1"]}, {}, {}, []),
        ({"packages": {}, "distribution": {"family": "other", "name": "Arch"}}, {}, {}, ["distribution_unknown"]),
        ({"packages": {}, "distribution": {"family": "other"}}, {}, {"repository_managed": False}, []),
        (
            {"docker": None, "packages": {}},
            {"present": 0},
            {"version": "1.0.0"},
            ["gpus_missing", "docker_missing", "toolkit_too_old"],
        ),
    ],
)
def test_all_problems_at_once(
    changes: dict[str, Any], gpu_changes: dict[str, Any], options: dict[str, Any], expected: list[str]
) -> None:
    plan = toolkit_plan(host(**changes), gpu(**gpu_changes), **options)
    assert ids(plan) == expected
    for problem in plan["problems"]:
        assert problem["wanted"] and problem["found"] and problem["remedy"]


def test_what_earlier_roles_will_have_mended_only_warns() -> None:
    bare = host(release=None, docker=None, docker_problem="no engine", daemon_json={"settings": {}})
    plan = toolkit_plan(bare, gpu(driver={"loaded": False}), earlier_roles=["docker", "nvidia_driver"])
    assert ids(plan) == []
    assert ids(plan, "warning") == ["driver_missing", "docker_missing"]
    assert plan["engine"]["settings"]["runtimes"] and not plan["engine"]["restart"]


@pytest.mark.parametrize(
    ("changes", "options", "restart", "expected"),
    [
        ({"running_containers": 0, "live_restore": False}, {}, True, []),
        ({"running_containers": 2, "live_restore": True}, {}, True, []),
        ({"running_containers": 2, "live_restore": False}, {}, True, ["restart_would_stop"]),
        ({"running_containers": 2, "live_restore": False}, {"restart": "always"}, True, []),
    ],
)
def test_restart_under_running_containers(
    changes: dict[str, Any], options: dict[str, Any], restart: bool, expected: list[str]
) -> None:
    """Installed under a running engine, the toolkit is seen by its next start only."""
    plan = toolkit_plan(host(release=None, docker=docker("28.2.2", **changes)), gpu(), **options)
    assert plan["engine"]["restart"] == restart
    assert ids(plan) == expected


def test_cgroup_driver_is_never_changed_under_running_containers() -> None:
    running = docker("20.10.24", cgroup_driver="systemd", running_containers=1)
    options = {"exec-opts": ["native.cgroupdriver=systemd", "other=1"], **REGISTERED}
    known = host(docker=running, daemon_json=daemon_json(**options))
    assert ids(toolkit_plan(known, gpu()), "warning") == ["daemon_reload_trap"]
    plan = toolkit_plan(known, gpu(), cgroupfs=True)
    assert plan["engine"]["settings"] == {"exec-opts": ["other=1", "native.cgroupdriver=cgroupfs"]}
    assert ids(plan) == ["restart_would_stop"]
    assert ids(plan, "warning") == []
    done = host(docker=docker("20.10.24", cgroup_driver="cgroupfs"))
    assert toolkit_plan(done, gpu(), cgroupfs=True)["engine"]["settings"] == {}


@pytest.mark.parametrize(
    ("version", "access", "warned"),
    [
        ("20.10.24", "device_requests", True),
        ("28.2.2", "device_requests", True),
        ("28.2.2", "cdi", False),
        ("29.2.0", "device_requests", False),
    ],
)
def test_daemon_reload_trap(version: str, access: str, warned: bool) -> None:
    known = host(docker=docker(version, cgroup_driver="systemd"))
    plan = toolkit_plan(known, gpu(), gpu_access=access)
    assert ids(plan, "warning") == (["daemon_reload_trap"] if warned else [])
    if warned:
        assert ("gpu_access to cdi" in plan["problems"][0]["remedy"]) == (version == "28.2.2")


@pytest.mark.parametrize(("driver", "refused"), [("systemd", True), ("cgroupfs", False)])
def test_packages_are_not_changed_under_containers_with_gpus(driver: str, refused: bool) -> None:
    """The packages' scripts call daemon-reload, which would take the GPUs from them."""
    busy = gpu(devices=[{"uuid": "GPU-0", "processes": [{"pid": 1, "container": "c" * 64}, {"container": None}]}])
    mixed = packages("1.18.0-1", "1.18.0-1", "1.17.8-1", "1.17.8-1")
    known = host(packages=mixed, docker=docker("28.2.2", cgroup_driver=driver, running_containers=1))
    assert ("gpu_containers_running" in ids(toolkit_plan(known, busy))) == refused
    assert ids(toolkit_plan(known, gpu())) == []
    assert ids(toolkit_plan(known, busy, restart="always")) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("current", False, [])),
        ({"files": {"/var/run/cdi/nvidia.yaml": "libcuda.so.570.1"}}, ("stale", True, [])),
        (
            {"files": {"/var/run/cdi/nvidia.yaml": None, "/etc/cdi/nvidia.yaml": f".so.{DRIVER}"}},
            ("current", False, []),
        ),
        ({"files": {}}, ("current", False, [])),  # not asked for, but the devices are there
        ({"files": {}, "toolkit": {"version": "1.18.0", "cdi_devices": []}}, ("missing", True, [])),
        ({"services": {}}, ("current", False, ["nvidia-cdi-refresh.path", "nvidia-cdi-refresh.service"])),
        ({"services": {}, "init": "other"}, ("current", False, [])),
        ({"services": {}, "packages": packages("1.17.8-1")}, ("current", False, [])),
        ({"docker": docker("20.10.24"), "files": {}, "services": {}}, ("unused", False, [])),
    ],
)
def test_cdi_specification(changes: dict[str, Any], expected: tuple[str, bool, list[str]]) -> None:
    cdi = toolkit_plan(host(**changes), gpu())["cdi"]
    assert (cdi["state"], cdi["generate"], cdi["enable"]) == expected


def test_specification_of_an_old_toolkit_lies_in_etc() -> None:
    plan = toolkit_plan(host(packages=packages("1.17.8-1")), gpu())
    assert plan["cdi"]["path"] == "/etc/cdi/nvidia.yaml"


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"restart": "never"}, {"modus": "cdi"}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="expected"):
        toolkit_plan(host(), gpu(), **options)


def test_filter_is_found_by_name() -> None:
    assert FilterModule().filters()["toolkit_plan"](host(), gpu()) == toolkit_plan(host(), gpu())
