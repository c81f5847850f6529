# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import driver_examples as examples
import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_plan import make_plan
from driver_examples import cuda_apt, cuda_dnf, device, good_host, gpu, host

GOOD = "580.95.05"
STREAMS = {"nvidia-driver": {"streams": ["575-open", "580-dkms", "580-open", "open-dkms"], "enabled": None}}
ENABLED = {"nvidia-driver": {**STREAMS["nvidia-driver"], "enabled": "580-open"}}


def ids(plan: dict[str, Any], kind: str = "problems") -> list[str]:
    return [item["id"] for item in plan[kind]]


def test_a_host_without_gpus_is_left_alone() -> None:
    plan = make_plan(host(), gpu(present=0), {"gpus": "0"})
    assert plan == {"wanted": False, "changes": False, "problems": [], "warnings": []}


BARE_APT = [
    # system, branch, version, model, what apt is asked for, pin
    (
        "debian12", "", "", "B200",
        ["nvidia-open-580=580.95.05-1", "nvidia-fabricmanager=580.95.05-1", "nvlsm", "infiniband-diags",
         "nvidia-persistenced=580.95.05-1"], ["nvidia-driver-pinning-580"],
    ),
    (
        "debian13", "590", "", "B200",
        ["nvidia-open=590.48.01-1", "nvidia-fabricmanager=590.48.01-1", "nvlsm", "infiniband-diags",
         "nvidia-persistenced=590.48.01-1"], ["nvidia-driver-pinning-590"],
    ),
    (
        "ubuntu2204", "575", "", "B200",
        ["nvidia-open-575=575.57.08-1", "nvidia-fabricmanager-575=575.57.08-1", "nvlsm", "infiniband-diags",
         "nvidia-persistenced=575.57.08-1"], ["nvidia-driver-pinning-575"],
    ),
    (
        "ubuntu2404", "570", "", "B200",
        ["nvidia-open-570=570.133.20-1", "nvidia-fabricmanager-570=570.133.20-1", "nvlsm", "infiniband-diags",
         "nvidia-persistenced=570.133.20-1"], ["nvidia-driver-pinning-570"],
    ),
    (
        "ubuntu2404-cloud", "580", "580.82.07", "B200",
        ["linux-modules-extra-6.8.0-1031-aws", "nvidia-open-580=580.82.07-1", "nvidia-fabricmanager=580.82.07-1",
         "nvlsm", "infiniband-diags", "nvidia-persistenced=580.82.07-1"], ["nvidia-driver-pinning-580"],
    ),
    # NVSwitches of the third generation: the fabric manager and nothing beside it.
    (
        "ubuntu2404", "", "", "H100",
        ["nvidia-open-580=580.95.05-1", "nvidia-fabricmanager=580.95.05-1", "nvidia-persistenced=580.95.05-1"],
        ["nvidia-driver-pinning-580"],
    ),
    # No NVSwitch at all.
    (
        "ubuntu2404", "", "", "L40S",
        ["nvidia-open-580=580.95.05-1", "nvidia-persistenced=580.95.05-1"], ["nvidia-driver-pinning-580"],
    ),
    # Only the proprietary modules drive this old one.
    (
        "debian12", "", "", "P100",
        ["cuda-drivers-580=580.95.05-1", "nvidia-persistenced=580.95.05-1"], ["nvidia-driver-pinning-580"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("system", "branch", "version", "model", "install", "pin"), BARE_APT)
def test_a_bare_host_with_apt(
    system: str, branch: str, version: str, model: str, install: list[str], pin: list[str]
) -> None:
    wish = {"branch": branch, "version": version}
    first = make_plan(host(system), gpu(model), wish)
    assert (first["action"], first["packages"]["needed"], ids(first)) == ("install", True, [])
    plan = make_plan(host(system), gpu(model), wish, cuda_apt(system))
    headers = f"linux-headers-{examples.SYSTEMS[system][3]}"
    assert plan["packages"]["install"] == [headers, *install]
    assert plan["packages"]["pin"] == pin
    nvlink5 = ["mlx5_ib", "ib_umad"] if model == "B200" else []
    assert plan["modules"] == [*nvlink5, "nvidia", "nvidia_uvm"]
    assert (plan["disruptive"], plan["problems"]) == (False, [])


def test_no_imex_comes_to_a_single_host() -> None:
    plan = make_plan(host(), gpu(), {}, {**cuda_apt(), **examples.table({"nvidia-imex": ["580.95.05-1"]})})
    assert not any("imex" in name for name in plan["packages"]["install"])


BARE_DNF = [
    ("rhel9", "", "nvidia-open-3:580.95.05-1.el9", "nvidia-persistenced-3:580.95.05-1.el9", ENABLED),
    ("rocky9", "", "nvidia-open-3:580.95.05-1.el9", "nvidia-persistenced-3:580.95.05-1.el9", ENABLED),
    ("rhel10", "", "nvidia-open-3:580.95.05-1.el9", "nvidia-persistenced-3:580.95.05-1.el9", {}),
    ("rocky10", "590", "nvidia-open-3:590.48.01-1.el9", "nvidia-persistenced-3:590.48.01-1.el9", {}),
]


@pytest.mark.parametrize(("system", "branch", "driver", "daemon", "modules"), BARE_DNF)
def test_a_bare_host_with_dnf(system: str, branch: str, driver: str, daemon: str, modules: dict[str, Any]) -> None:
    plan = make_plan(host(system), gpu(), {"branch": branch}, cuda_dnf(), modules)
    release = driver.split(":")[1].partition("-")[0]
    kernel = examples.SYSTEMS[system][3].removesuffix(".x86_64")
    assert plan["packages"]["install"] == [
        f"kernel-devel-matched-{kernel}",
        "python3-dnf-plugin-versionlock",
        driver,
        f"nvidia-fabricmanager-{release}-1",
        "nvlsm",
        "infiniband-diags",
        daemon,
    ]
    assert plan["packages"]["lock"] == [f"*nvidia*{release}*"]
    assert (plan["stream"], plan["packages"]["pin"], plan["problems"]) == ("", [], [])


STREAM_CASES = [
    ("rhel9", STREAMS, "", "580-open"),
    ("rhel9", STREAMS, "575", "575-open"),
    ("rhel9", ENABLED, "", ""),
    ("rhel9", STREAMS, "590", ""),  # There is no such stream: what is offered without one decides.
    ("rhel10", {}, "", ""),
    ("debian12", STREAMS, "", ""),
]


@pytest.mark.parametrize(("system", "modules", "branch", "stream"), STREAM_CASES)
def test_the_stream_comes_before_the_packages(system: str, modules: dict[str, Any], branch: str, stream: str) -> None:
    plan = make_plan(host(system), gpu(), {"branch": branch}, {}, modules)
    assert plan["stream"] == stream
    if stream:
        assert (plan["packages"]["install"], plan["problems"]) == ([], [])


@pytest.mark.parametrize("system", ["debian12", "ubuntu2404", "rhel9"])
@pytest.mark.parametrize("release", [GOOD, "590.48.01"])
def test_a_good_driver_needs_its_files_once_and_then_nothing(system: str, release: str) -> None:
    there = good_host(system, release)
    facts = gpu(loaded=release, manager=release)
    lock = {"/etc/dnf/plugins/versionlock.list": f"nvidia-open-3:{release}-1.el9.*\n"}
    first = make_plan({**there, "files": lock}, facts, {})
    assert (first["action"], first["packages"]["needed"], first["disruptive"]) == ("none", False, False)
    files = {**lock, **{item["path"]: item["content"] for item in first["files"]}}
    second = make_plan({**there, "files": files}, facts, {})
    assert (second["changes"], second["problems"], second["warnings"]) == (False, [], [])


# What is there (release, flavour, fabric manager), what was asked for -> action, problems, warnings.
PRESENT = [
    (GOOD, "open", GOOD, {}, "none", [], []),
    (GOOD, "open", GOOD, {"branch": "580"}, "none", [], []),
    (GOOD, "open", GOOD, {"version": GOOD}, "none", [], []),
    ("590.48.01", "open", "590.48.01", {}, "none", [], []),
    # Works, but today's images want more: told, not done.
    ("570.133.20", "open", "570.133.20", {}, "none", [], ["driver_below_recommended"]),
    ("570.133.20", "open", "570.133.20", {"branch": "580"}, "change", [], []),
    (GOOD, "open", GOOD, {"branch": "590"}, "change", [], []),
    ("580.82.07", "open", "580.82.07", {"version": GOOD}, "change", [], []),
    # Cannot drive these GPUs: mended without being asked.
    ("570.124.06", "open", "570.124.06", {}, "change", [], []),
    (GOOD, "proprietary", GOOD, {}, "change", [], []),
    (GOOD, "open", "580.82.07", {}, "mend_fabric", [], []),
    # Back only when told twice.
    ("590.48.01", "open", "590.48.01", {"branch": "580"}, "change", ["driver_downgrade"], []),
    (GOOD, "open", GOOD, {"version": "580.82.07"}, "change", ["driver_downgrade"], []),
    (GOOD, "open", GOOD, {"version": "580.82.07", "downgrade": True}, "change", [], []),
    ("590.48.01", "open", "590.48.01", {"branch": "580", "downgrade": True}, "change", [], []),
    # Below what the GPU bears at all.
    (GOOD, "open", GOOD, {"branch": "565", "downgrade": True}, "change", ["driver_wish_too_old"], []),
    (GOOD, "open", GOOD, {"version": "570.124.06", "downgrade": True}, "change", ["driver_wish_too_old"], []),
]


@pytest.mark.parametrize(("release", "flavour", "manager", "wish", "action", "problems", "warnings"), PRESENT)
def test_a_driver_that_is_there(
    release: str,
    flavour: str,
    manager: str,
    wish: dict[str, Any],
    action: str,
    problems: list[str],
    warnings: list[str],
) -> None:
    facts = gpu(loaded=release, flavour=flavour, manager=manager)
    plan = make_plan(good_host("debian12", release), facts, wish)
    assert (plan["action"], ids(plan), ids(plan, "warnings")) == (action, problems, warnings)
    assert plan["disruptive"] is (action != "none")


def test_an_old_gpu_needs_the_proprietary_flavour() -> None:
    plan = make_plan(good_host("debian12", GOOD), gpu("P100", loaded=GOOD), {})
    assert (plan["action"], plan["flavour"]) == ("change", "proprietary")


def test_the_proprietary_flavour_may_stay_where_it_works() -> None:
    plan = make_plan(good_host("debian12", GOOD), gpu("H100", loaded=GOOD, flavour="proprietary", manager=GOOD), {})
    assert plan["action"] == "none"


CHANGES = [
    # There (packages), facts, wish -> release, installed, removed.
    (
        {"nvidia-open-575": "575.57.08-1", "nvidia-fabricmanager-575": "575.57.08-1",
         "nvidia-driver-pinning-575": "1-1"},
        gpu(loaded="575.57.08", manager="575.57.08"), {"branch": "580"}, GOOD,
        ["nvidia-open-580=580.95.05-1", "nvidia-fabricmanager=580.95.05-1"],
        ["nvidia-driver-pinning-575", "nvidia-fabricmanager-575", "nvidia-open-575"],
    ),
    # The wrong flavour gives way to the open one of the same branch; never to an older release.
    (
        {"cuda-drivers-580": "580.82.07-1", "nvidia-fabricmanager": "580.82.07-1"},
        gpu(loaded="580.82.07", flavour="proprietary", manager="580.82.07"), {}, GOOD,
        ["nvidia-open-580=580.95.05-1", "nvidia-fabricmanager=580.95.05-1"], ["cuda-drivers-580"],
    ),
    # The fabric manager follows the driver, which stays.
    (
        {"nvidia-open-580": "580.82.07-1", "nvidia-fabricmanager": "580.95.05-1"},
        gpu(loaded="580.82.07", manager="580.95.05"), {}, "580.82.07",
        ["nvidia-fabricmanager=580.82.07-1"], [],
    ),
    # Back to an older release, on purpose.
    (
        {"nvidia-open": "590.48.01-1", "nvidia-fabricmanager": "590.48.01-1"},
        gpu(loaded="590.48.01", manager="590.48.01"), {"version": "580.82.07", "downgrade": True}, "580.82.07",
        ["nvidia-open-580=580.82.07-1", "nvidia-fabricmanager=580.82.07-1"], ["nvidia-open"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("packages", "facts", "wish", "release", "install", "remove"), CHANGES)
def test_a_driver_is_replaced(
    packages: dict[str, str],
    facts: dict[str, Any],
    wish: dict[str, Any],
    release: str,
    install: list[str],
    remove: list[str],
) -> None:
    there = good_host("debian12", "1.0", packages={**packages, "nvlsm": "1", "infiniband-diags": "1"})
    versions = {name: row for name, row in cuda_apt().items() if name != "nvidia-persistenced"}
    plan = make_plan({**there, "kernel": {**there["kernel"], "headers": True}}, facts, wish, versions)
    assert (plan["release"], ids(plan)) == (release, [])
    assert (plan["packages"]["install"], plan["packages"]["remove"]) == (install, remove)
    assert plan["disruptive"]


def test_a_driver_moves_when_its_fabric_manager_is_offered_no_more() -> None:
    packages = {"nvidia-open-580": "580.82.07-1", "nvidia-fabricmanager": "580.65.06-1"}
    facts = gpu(loaded="580.82.07", manager="580.65.06")
    versions = cuda_apt()
    versions["nvidia-fabricmanager"]["available"] = ["590.48.01-1", "580.95.05-1"]
    plan = make_plan(good_host("debian12", "1.0", packages=packages), facts, {}, versions)
    assert (plan["action"], plan["release"]) == ("change", GOOD)
    assert "nvidia-fabricmanager=580.95.05-1" in plan["packages"]["install"]


def test_only_a_release_that_both_have_is_chosen() -> None:
    versions = cuda_apt()
    versions["nvidia-fabricmanager"]["available"] = ["590.48.01-1", "580.82.07-1"]
    plan = make_plan(host(), gpu(), {}, versions)
    assert plan["release"] == "580.82.07"
    versions["nvidia-fabricmanager"]["available"] = ["590.48.01-1"]
    plan = make_plan(host(), gpu(), {}, versions)
    assert ids(plan) == ["driver_not_offered"]
    assert "fabric manager none of that branch" in plan["problems"][0]["found"]
    assert "nvidia-open-580 580.95.05" in plan["problems"][0]["found"]


def test_a_driver_from_no_package_gets_its_fabric_manager_alone() -> None:
    there = host("debian12", kernel={**host()["kernel"], "headers": True})
    plan = make_plan(there, gpu(loaded=GOOD, nvlink5=True), {}, cuda_apt())
    assert plan["packages"]["install"] == [
        "nvidia-fabricmanager=580.95.05-1",
        "nvlsm",
        "infiniband-diags",
        "nvidia-persistenced=580.95.05-1",
    ]
    assert (plan["packages"]["pin"], plan["disruptive"]) == ([], False)


@pytest.mark.parametrize("pinning", [True, False])
def test_apt_is_kept_to_one_version(pinning: bool) -> None:
    versions = {name: row for name, row in cuda_apt().items() if pinning or "pinning" not in name}
    plan = make_plan(host(), gpu(), {}, versions)
    content = next(item["content"] for item in plan["files"] if item["path"].startswith("/etc/apt/preferences.d/"))
    assert "Pin: version 580.95.05*\nPin-Priority: 1001\n" in content
    assert plan["packages"]["pin"] == (["nvidia-driver-pinning-580"] if pinning else [])
    # A driver of nobody's packages is nobody's to pin.
    by_hand = make_plan(host(), gpu("L40S", loaded=GOOD), {})
    assert not any("preferences" in item["path"] for item in by_hand["files"])


LOCKS = [
    ("", [], ["*nvidia*580.95.05*"]),
    ("nvidia-open-3:580.95.05-1.el9.*\n", [], []),
    (
        "# Added lock\nnvidia-open-3:575.57.08-1.el9.*\nkmod-nvidia-open-dkms-3:575.57.08-1.el9.*\n"
        "nvidia-container-toolkit-0:1.17.8-1.*\n",
        ["nvidia-open-3:575.57.08-1.el9.*", "kmod-nvidia-open-dkms-3:575.57.08-1.el9.*"],
        ["*nvidia*580.95.05*"],
    ),
]


@pytest.mark.parametrize(("text", "delete", "add"), LOCKS)
def test_dnf_is_kept_by_versionlock(text: str, delete: list[str], add: list[str]) -> None:
    there = host("rhel10", files={"/etc/dnf/plugins/versionlock.list": text})
    plan = make_plan(there, gpu(), {}, cuda_dnf(), {})
    assert (plan["packages"]["unlock"], plan["packages"]["lock"]) == (delete, add)


def test_files_of_a_board_with_nvlink5() -> None:
    plan = make_plan(host(), gpu(), {})
    contents = {item["path"]: item["content"] for item in plan["files"]}
    assert contents["/etc/modules-load.d/ib_umad.conf"] == "ib_umad\n"
    assert contents["/etc/systemd/system/docker.service.d/10-gpt-oss-fabric.conf"].endswith(
        "[Unit]\nAfter=nvidia-fabricmanager.service\n"
    )
    unattended = contents["/etc/apt/apt.conf.d/52gpt-oss-nvidia-driver"]
    assert 'Unattended-Upgrade::Package-Blacklist {\n    "nvidia-";' in unattended
    assert '    "linux-image";' in unattended


def test_files_elsewhere() -> None:
    hopper = {item["path"] for item in make_plan(host(), gpu("H100"), {})["files"]}
    assert "/etc/modules-load.d/ib_umad.conf" not in hopper
    assert "/etc/systemd/system/docker.service.d/10-gpt-oss-fabric.conf" in hopper
    assert make_plan(host(), gpu("L40S"), {"keep_from_upgrades": False})["files"] == []
    rhel = make_plan(host("rhel9", files={"/etc/dnf/automatic.conf": "[commands]\n[base]\n"}), gpu("L40S"), {})
    assert (rhel["files"], rhel["automatic"]) == ([], "excludepkgs = kernel* *nvidia* nvlsm")


def test_nouveau_goes_with_the_next_boot() -> None:
    facts = gpu()
    facts["driver"]["nouveau_loaded"] = True
    plan = make_plan(host(), facts, {})
    path = "/etc/modprobe.d/gpt-oss-nouveau.conf"
    assert next(item["content"] for item in plan["files"] if item["path"] == path).endswith(
        "blacklist nouveau\noptions nouveau modeset=0\n"
    )
    assert plan["initramfs"] is True
    assert plan["reboot"] == ["nouveau drives the GPUs until the next boot"]
    assert "nvidia" not in plan["modules"]
    done = host(files={item["path"]: item["content"] for item in plan["files"]})
    assert make_plan(done, facts, {})["initramfs"] is False


def test_another_driver_on_disk_than_in_the_kernel() -> None:
    facts = gpu(loaded="575.57.08", on_disk=GOOD, manager=GOOD)
    plan = make_plan(good_host("debian12", GOOD), facts, {})
    assert (plan["action"], plan["reload"], plan["disruptive"]) == ("none", True, True)
    assert plan["reboot"] == ["driver 575.57.08 open is loaded, 580.95.05 open is installed"]
    assert plan["stop"] == ["nvidia-fabricmanager.service", "nvidia-persistenced.service"]


def test_a_fabric_manager_that_started_too_early_starts_anew() -> None:
    plan = make_plan(good_host("debian12", GOOD), gpu(loaded=GOOD, manager=GOOD, ib_umad=False), {})
    assert (plan["modules"], plan["stop"]) == (["ib_umad"], ["nvidia-fabricmanager.service"])
    assert (plan["reload"], plan["disruptive"]) == (False, True)


SECURE = [
    (host(), gpu(), {}, ["secure_boot"]),
    (host(), gpu(), {"modules_signed": True}, []),
    (good_host("debian12", GOOD), gpu(loaded=GOOD, manager=GOOD), {}, []),
    (good_host("debian12", GOOD), gpu(loaded=GOOD, manager=GOOD), {"branch": "590"}, ["secure_boot"]),
    # What is installed may not be signed: unloading what works would leave nothing.
    (good_host("debian12", GOOD), gpu(loaded="575.57.08", on_disk=GOOD, manager=GOOD), {}, ["secure_boot"]),
]


@pytest.mark.parametrize(("there", "facts", "wish", "problems"), SECURE)
def test_secure_boot(there: dict[str, Any], facts: dict[str, Any], wish: dict[str, Any], problems: list[str]) -> None:
    plan = make_plan({**there, "kernel": {**there["kernel"], "secure_boot": True}}, facts, wish)
    assert ids(plan) == problems
    assert all("mokutil --import /var/lib/dkms/mok.pub" in item["text"] for item in plan["problems"])


def busy(container: str | None) -> dict[str, Any]:
    facts = gpu(loaded=GOOD, manager=GOOD)
    process = {"pid": 4711, "name": "python3", "type": "C", "memory_mib": 1000, "container": container}
    facts["devices"] = [{**device(n), "processes": [process]} for n in range(2)]
    return facts


def test_processes_are_asked_about_only_before_a_change() -> None:
    there, own = good_host("debian12", GOOD), ["a" * 64 + " gpt-oss-20b"]
    assert make_plan(there, busy(None), {})["problems"] == []
    foreign = make_plan(there, busy(None), {"branch": "590"}, containers=own)
    assert ids(foreign) == ["foreign_gpu_process"]
    assert "process 4711 (python3) with 2000 MiB" in foreign["problems"][0]["found"]
    assert "kill 4711" in foreign["problems"][0]["remedy"]
    other = make_plan(there, busy("b" * 64), {"branch": "590"}, containers=own)
    assert "docker stop bbbbbbbbbbbb" in other["problems"][0]["remedy"]
    drained = make_plan(there, busy("a" * 64), {"branch": "590"}, containers=own)
    assert (drained["problems"], drained["containers"]) == ([], ["gpt-oss-20b"])


def test_all_obstacles_are_told_at_once() -> None:
    facts = busy(None)
    facts["pci"][3]["kernel_driver"] = "vfio-pci"
    there = good_host("debian12", GOOD)
    there["kernel"]["secure_boot"] = True
    there["services"]["nvidia-fabricmanager.service"] = {"exists": True, "active": "inactive", "enabled": "masked"}
    plan = make_plan(there, facts, {"version": "580.82.07"})
    assert ids(plan) == [
        "gpu_passed_through",
        "fabric_manager_masked",
        "secure_boot",
        "foreign_gpu_process",
        "driver_downgrade",
    ]


def test_held_packages_are_not_touched() -> None:
    there = good_host("debian12", "575.57.08", held=["nvidia-fabricmanager", "vim"])
    facts = gpu(loaded="575.57.08", manager="575.57.08")
    plan = make_plan(there, facts, {"branch": "580"}, cuda_apt())
    assert ids(plan) == ["driver_packages_held"]
    assert "apt-mark unhold nvidia-fabricmanager" in plan["problems"][0]["remedy"]


def test_what_is_not_offered_is_named() -> None:
    versions = {name: row for name, row in cuda_apt().items() if name not in ("nvlsm", "linux-headers-6.1.0-37-amd64")}
    plan = make_plan(host(), gpu(), {}, versions)
    assert [item["subject"] for item in plan["problems"]] == ["linux-headers-6.1.0-37-amd64", "nvlsm"]
    without = {name: row for name, row in cuda_dnf().items() if name != "dkms"}
    plan = make_plan(host("rhel10"), gpu(), {}, without, {})
    assert [item["subject"] for item in plan["problems"]] == ["dkms"]


def test_an_unknown_system_is_refused_only_when_packages_must_come() -> None:
    other = {"id": "arch", "version": "", "major": None, "family": "other", "name": "Arch Linux"}
    assert ids(make_plan(host(distribution=other), gpu(), {})) == ["system_unsupported"]
    assert ids(make_plan(good_host("debian12", GOOD, distribution=other), gpu(loaded=GOOD, manager=GOOD), {})) == []


SERVICES = [
    ({}, []),
    ({"nvidia-fabricmanager.service": {"exists": True, "active": "failed", "enabled": "enabled"}},
     [{"name": "nvidia-fabricmanager.service", "enable": False, "start": True}]),
    ({"nvidia-persistenced.service": {"exists": True, "active": "active", "enabled": "disabled"}},
     [{"name": "nvidia-persistenced.service", "enable": True, "start": False}]),
]  # fmt: skip


@pytest.mark.parametrize(("services", "wanted"), SERVICES)
def test_services_that_are_not_as_they_shall_be(services: dict[str, Any], wanted: list[dict[str, Any]]) -> None:
    plan = make_plan(host(services=services), gpu(loaded=GOOD, manager=GOOD), {})
    assert plan["services"] == wanted


def test_stopped_servers_are_remembered() -> None:
    there = good_host("debian12", GOOD, files={"/var/lib/gpt_oss/drained": "a b\n"})
    plan = make_plan(there, gpu(loaded=GOOD, manager=GOOD), {"state_file": "/var/lib/gpt_oss/drained"})
    assert (plan["drained"], plan["changes"]) == (["a", "b"], True)


def test_a_mend_never_goes_back() -> None:
    older = cuda_apt(releases=("580.82.07",))
    plan = make_plan(good_host("debian12", GOOD), gpu(loaded=GOOD, flavour="proprietary", manager=GOOD), {}, older)
    assert ids(plan) == ["driver_not_offered"]
    assert "580.95.05 or newer" in plan["problems"][0]["wanted"]


def test_no_release_below_the_floor_is_chosen() -> None:
    plan = make_plan(host(), gpu(), {"branch": "570"}, cuda_apt(releases=("570.124.06",)))
    assert ids(plan) == ["driver_not_offered"]


def test_headers_come_only_with_a_driver() -> None:
    facts = gpu(loaded=GOOD, manager=GOOD)
    facts["fabric_manager"]["nvlsm"] = False
    there = good_host("debian12", GOOD)
    del there["packages"]["nvlsm"]
    assert make_plan(there, facts, {})["packages"]["needed"]
    assert make_plan(there, facts, {}, cuda_apt())["packages"]["install"] == ["nvlsm"]


def test_one_gpu_in_a_virtual_machine_has_no_fabric() -> None:
    plan = make_plan(good_host("debian12", GOOD), gpu(loaded=GOOD, nvlink5=False), {})
    assert (plan["fabric"], plan["packages"]["needed"]) == ("none", False)
    asked = make_plan(good_host("debian12", GOOD), gpu(loaded=GOOD, nvlink5=False), {"fabric": "nvlink5"})
    assert asked["fabric"] == "nvlink5"


def test_a_virtual_machine_whose_fabric_is_managed_outside_needs_no_fabric_manager() -> None:
    outside = gpu(loaded=GOOD, nvlink5=None, nvswitches=0)
    plan = make_plan(good_host("debian12", GOOD), outside, {})
    assert plan["fabric"] == "none"
    waiting = gpu(loaded=GOOD, nvlink5=None, devices=[device(n, state="In Progress") for n in range(8)])
    assert make_plan(good_host("debian12", GOOD), waiting, {})["fabric"] == "nvlink5"
