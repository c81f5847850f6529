from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smi import parse
from gpu_host import fixture

BUSY, B200 = fixture("h200-busy.xml"), fixture("b200x8.xml")


def device(*replacements: tuple[str, str]) -> dict[str, Any]:
    """Return the device of the real busy H200, after replacements in its XML."""
    text = BUSY
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return parse(text).devices[0]


def test_a_real_h200_is_read_in_full() -> None:
    log = parse(BUSY)
    assert (log.driver_version, log.cuda_version, log.problem) == ("580.159.04", "13.0", "")
    (found,) = log.devices
    health = dict.fromkeys(found["fabric"]["health"], "N/A")
    assert found == {
        "index": 0,
        "uuid": "GPU-00000000-0000-4000-8000-000000000001",
        "name": "NVIDIA H200",
        "architecture": "Hopper",
        "pci_address": "0000:00:06.0",
        "minor": 0,
        "memory_total_mib": 143771,
        "memory_used_mib": 3599,
        "memory_free_mib": 139558,
        "memory_reserved_mib": 616,
        "persistence": True,
        "mig": False,
        "temperature_c": 41,
        "power_draw_w": 131.78,
        "power_limit_w": 700.0,
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
        "fabric": {"state": "N/A", "status": "N/A", "health": health},
        "processes": [{"pid": 417, "name": "python3", "type": "C", "memory_mib": 3590, "container": None}],
    }
    assert set(health) >= {"summary", "bandwidth"}


def test_an_idle_gpu_has_no_process_and_does_not_throttle() -> None:
    (idle,) = parse(fixture("h200-idle.xml")).devices
    assert (idle["memory_used_mib"], idle["processes"], idle["throttle"]) == (0, [], [])


def test_eight_b200_with_their_fabric() -> None:
    devices = parse(B200).devices
    assert [one["index"] for one in devices] == list(range(8))
    assert devices[0]["pci_address"] == "0000:1b:00.0"
    assert {one["fabric"]["state"] for one in devices} == {"Completed"}
    assert {one["fabric"]["status"] for one in devices} == {"Success"}
    assert {one["fabric"]["health"]["summary"] for one in devices} == {"Healthy"}
    assert {one["memory_total_mib"] for one in devices} == {183359}
    assert len({one["uuid"] for one in devices}) == 8


# What is changed in the real output, the key that changes with it, and what it becomes.
CHANGES: list[tuple[tuple[str, str], str, Any]] = [
    (("<persistence_mode>Enabled", "<persistence_mode>Disabled"), "persistence", False),
    (("<current_mig>Disabled", "<current_mig>Enabled"), "mig", True),
    (("<gpu_temp>41 C", "<gpu_temp>N/A"), "temperature_c", None),
    (("<used>3599 MiB", "<used>[Insufficient Permissions]"), "memory_used_mib", None),
    (("<used>3599 MiB", "<used>[Unknown Error]"), "memory_used_mib", None),
    (("<minor_number>0</minor_number>", ""), "minor", None),
    (("<uuid>GPU-00000000-0000-4000-8000-000000000001</uuid>", ""), "uuid", None),
    (("<gpu_recovery_action>None", "<gpu_recovery_action>Reset"), "recovery_action", "Reset"),
    (("<gpu_recovery_action>None</gpu_recovery_action>", ""), "recovery_action", None),
    (("<gpu_recovery_action>None", "<gpu_recovery_action>[Insufficient Permissions]"), "recovery_action", None),
    (("00000000:00:06.0", "00000001:0A:00.0"), "pci_address", "0001:0a:00.0"),
    (("00000000:00:06.0", "00010000:0A:00.0"), "pci_address", "10000:0a:00.0"),
    (
        ("hw_thermal_slowdown>Not Active", "hw_thermal_slowdown>Active"),
        "throttle",
        ["hw_thermal_slowdown"],
    ),
    (("applications_clocks_setting>Not Active", "applications_clocks_setting>Active"), "throttle", []),
    (("<state>N/A", "<state>In Progress"), "fabric.state", "In Progress"),
    (("<current_ecc>Enabled", "<current_ecc>N/A"), "ecc.enabled", None),
    (("<current_ecc>Enabled", "<current_ecc>Disabled"), "ecc.enabled", False),
    (("<dram_uncorrectable>0", "<dram_uncorrectable>2"), "ecc.volatile_uncorrectable", 2),
    (("sram_uncorrectable_secded>0", "sram_uncorrectable_secded>3"), "ecc.aggregate_uncorrectable", 3),
    (("_correctable>0", "_correctable>7"), "ecc.volatile_uncorrectable", 0),
    (("<remapped_row_pending>No", "<remapped_row_pending>Yes"), "ecc.remapped_rows_pending", True),
    (("<pending_retirement>N/A", "<pending_retirement>Yes"), "ecc.remapped_rows_pending", True),
    (("<remapped_row_failure>No", "<remapped_row_failure>Yes"), "ecc.remapped_rows_failure", True),
    (("<unrepairable_memory>No", "<unrepairable_memory>Yes"), "ecc.unrepairable_memory", True),
    (("<unrepairable_memory>No</unrepairable_memory>", ""), "ecc.unrepairable_memory", False),
]


@pytest.mark.parametrize(("change", "key", "expected"), CHANGES)
def test_changed_elements(change: tuple[str, str], key: str, expected: Any) -> None:
    value: Any = device(change)
    for part in key.split("."):
        value = value[part]
    assert value == expected


def test_the_names_that_older_drivers_gave() -> None:
    found = device(
        ("clocks_event_reason", "clocks_throttle_reason"),
        ("hw_slowdown>Not Active", "hw_slowdown>Active"),
        ("gpu_power_readings", "power_readings"),
        ("average_power_draw", "power_draw"),
        ("current_power_limit", "power_limit"),
    )
    assert (found["throttle"], found["power_draw_w"], found["power_limit_w"]) == (["hw_slowdown"], 131.78, 700.0)


def test_double_bit_errors_of_older_gpus() -> None:
    start, end = BUSY.index("<volatile>"), BUSY.index("</volatile>")
    errors = "<volatile><double_bit><device_memory>4</device_memory><total>5</total></double_bit>"
    (found,) = parse(BUSY[:start] + errors + BUSY[end:]).devices
    assert found["ecc"]["volatile_uncorrectable"] == 5


def test_a_gpu_without_any_element() -> None:
    (found,) = parse('<nvidia_smi_log><gpu id="00000000:1B:00.0"/></nvidia_smi_log>').devices
    assert found["pci_address"] == "0000:1b:00.0"
    assert found["fabric"] == {"state": "N/A", "status": "N/A", "health": {}}
    assert (found["name"], found["memory_total_mib"], found["ecc"]["volatile_uncorrectable"]) == (None, None, None)


def test_an_output_that_breaks_off_keeps_the_devices_before_the_break() -> None:
    log = parse(B200[: B200.index("00000000:61:00.0") + 400])
    assert [one["pci_address"] for one in log.devices] == ["0000:1b:00.0", "0000:43:00.0", "0000:52:00.0"]
    assert "not whole" in log.problem


def test_what_is_no_xml() -> None:
    log = parse("No devices were found\n")
    assert log.devices == ()
    assert log.problem
