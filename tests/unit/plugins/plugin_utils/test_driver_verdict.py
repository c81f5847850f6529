# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._driver_verdict import (
    cause,
    fabric_pending,
    last_start,
    unmet,
)
from driver_examples import device, good_host, gpu, host

GOOD = "580.95.05"
DEAD = {"nvidia-fabricmanager.service": {"exists": True, "active": "failed", "enabled": "enabled"}}
PRE_NVL5 = ["Detected Pre-NVL5 system", "failed with error:WARNING Nothing to do [NV_WARN_NOTHING_TO_DO]"]


def good_gpu(**changes: Any) -> dict[str, Any]:
    facts = gpu(loaded=GOOD, manager=GOOD)
    for number, card in enumerate(facts["devices"]):
        card["pci_address"] = facts["pci"][number]["address"]
    return {**facts, **changes}


def test_a_good_host_lacks_nothing() -> None:
    assert unmet(good_host("debian12", GOOD), good_gpu(), {"gpus": 8}, GOOD) == []
    assert unmet(host(), gpu(present=0), {"gpus": 0}, "") == []


STATES = [
    (good_host("debian12", GOOD), gpu(), {}, ["driver_not_loaded"]),
    (good_host("debian12", GOOD), good_gpu(), {"gpus": 9}, ["gpu_census"]),
    (good_host("debian12", GOOD), good_gpu(devices=good_gpu()["devices"][:7]), {}, ["gpu_census"]),
    (good_host("debian12", "590.48.01"), good_gpu(), {"release": "590.48.01"}, ["driver_version"]),
    (
        good_host("debian12", GOOD),
        good_gpu(driver={**good_gpu()["driver"], "flavour": "proprietary"}),
        {},
        ["driver_flavour"],
    ),
    (
        good_host("debian12", GOOD),
        good_gpu(smi={"state": "mismatch", "exit_code": 18, "error": "Driver/library version mismatch"}),
        {},
        ["nvidia_smi"],
    ),
    (
        good_host("debian12", GOOD),
        good_gpu(fabric_manager={**good_gpu()["fabric_manager"], "version": "580.82.07"}),
        {},
        ["fabric_manager_version"],
    ),
    (good_host("debian12", GOOD, services=DEAD), good_gpu(), {}, ["fabric_manager"]),
]


@pytest.mark.parametrize(("there", "facts", "wish", "problems"), STATES)
def test_what_a_host_lacks(
    there: dict[str, Any], facts: dict[str, Any], wish: dict[str, Any], problems: list[str]
) -> None:
    found = unmet(there, facts, {"gpus": wish.get("gpus")}, wish.get("release", ""))
    assert [item["id"] for item in found] == problems


def test_a_lost_gpu_is_named() -> None:
    facts = good_gpu(devices=good_gpu()["devices"][:7])
    found = unmet(good_host("debian12", GOOD), facts, {}, GOOD)
    assert found[0]["found"] == "7 of 8; not driven: 0000:07:00.0"
    gone = {**facts, "pci": facts["pci"][:7], "present": 7}
    assert unmet(good_host("debian12", GOOD), gone, {"gpus": 8}, GOOD)[0]["found"] == "7 of 8; 7 on the PCI bus"


def test_a_stuck_fabric_is_told_with_the_log_and_the_cause() -> None:
    facts = good_gpu(fabric_manager={**good_gpu()["fabric_manager"], "log": PRE_NVL5})
    facts["devices"][3] = {**facts["devices"][3], **device(3, state="In Progress", status="N/A")}
    found = unmet(good_host("debian12", GOOD), facts, {}, GOOD, 300.2)
    assert [item["id"] for item in found] == ["fabric_state"]
    assert "In Progress / N/A on GPU 3 after 300 s; it said: Detected Pre-NVL5 system" in found[0]["found"]
    assert "nvlsm, ib_umad or mlx5_ib was missing" in found[0]["remedy"]
    assert "error 802" in found[0]["wanted"]


CAUSES = [
    ([], "nvlink5", ""),
    (["Detected NVL5+ system"], "nvlink5", ""),
    (["Detected NVL5+ system", 'Kernel module "ib_umad" has not been loaded, fabric manager cannot start'], "nvlink5",
     "modprobe ib_umad"),
    (["Detected NVL5+ system", "/opt/nvidia/nvlsm/sbin/nvlsm does not exist"], "nvlink5", "package nvlsm"),
    (["Detected NVL5+ system", '"/opt/nvidia/nvlsm/sbin/nvlsm" does not exist'], "nvlink5", "package nvlsm"),
    (["version 580.82.07 don't match with driver version 580.95.05"], "nvswitch", "another version"),
    (PRE_NVL5, "nvlink5", "before NVLink5"),
    (PRE_NVL5, "nvswitch", "no NVSwitch"),
    # What an earlier start met is mended by now.
    (['Kernel module "ib_umad" has not been loaded, fabric manager cannot start', "Detected NVL5+ system",
      "/opt/nvidia/nvlsm/sbin/nvlsm does not exist"], "nvlink5", "package nvlsm"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "fabric", "meaning"), CAUSES)
def test_the_log_tells_the_cause(log: list[str], fabric: str, meaning: str) -> None:
    told = cause(last_start(log), fabric)
    assert meaning in told
    assert bool(told) is bool(meaning)


def test_a_fabric_is_waited_for_where_there_is_one() -> None:
    on_the_way = good_gpu(devices=[device(0), device(1, state="In Progress", status="N/A")])
    assert fabric_pending(on_the_way, "nvlink5")
    assert not fabric_pending(on_the_way, "none")
    assert not fabric_pending(good_gpu(), "nvlink5")
