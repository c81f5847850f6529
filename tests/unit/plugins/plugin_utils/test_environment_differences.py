from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._collect_env import parse
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import differences
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_keys import (
    dotted,
    fact_table,
    server_table,
    title_of,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_report import markdown, sentence, short_table

FIXTURE = Path(__file__).parents[1] / "module_utils" / "fixtures" / "collect_env" / "b200x8-0.10.1.txt"
Host = dict[str, Any]


def server(**changes: Any) -> Host:
    row: Host = {
        "name": "gpt-oss-120b",
        "collected": True,
        "problem": "",
        "unreachable": False,
        "source": "server",
        "command": "docker exec gpt-oss-120b vllm collect-env",
        "image": "vllm/vllm-openai:gptoss",
        "image_digest": "vllm/vllm-openai@sha256:1",
        "arguments": ["--port", "8000"],
        "simulated": False,
        "text": "...",
        **parse(FIXTURE.read_text()),
    }
    for path, value in changes.items():
        place = row
        *steps, last = path.split("__")
        for step in steps:
            place = place[step]
        place[last] = value
    return row


def gpu(number: int, driver: str = "580.95.05") -> Host:
    devices = [
        {
            "index": index,
            "uuid": f"GPU-{number}{index}",
            "pci_address": f"0000:{number}{index}:00.0",
            "minor": index,
            "name": "NVIDIA B200",
            "temperature_c": 30 + number + index,
            "memory_total_mib": 183359 + number,
            "ecc": {"enabled": True, "aggregate_uncorrectable": 0},
            "throttle": [],
            "processes": [{"pid": 100 + number}],
        }
        for index in range(8)
    ]
    return {"present": 8, "driver": {"version": driver}, "devices": devices, "xids": []}


def machine(number: int) -> Host:
    uuid = f"{number:08x}-0000-4000-8000-000000000000"
    return {
        "kernel": {"release": "6.8.0", "command_line": f"BOOT_IMAGE=/v-{number} root=UUID={uuid} ro iommu=pt"},
        "memory": {"total_bytes": (2 << 40) + number, "available_bytes": number},
        "clock": {"synchronized": True, "skew_seconds": 0.1 * number},
        "ports": {"8000": {"used": True, "by": f"vllm[{number}]"}},
        "packages": {"docker-ce": "28.2.2"},
        "toolkit": {"cdi_devices": [f"nvidia.com/gpu={uuid}", "nvidia.com/gpu=all"]},
    }


def fleet(count: int) -> dict[str, Host]:
    return {
        f"node{n}": {"servers": {"gpt-oss-120b": server()}, "host": machine(n), "gpu": gpu(n), "problem": ""}
        for n in range(1, count + 1)
    }


def keys(found: Host) -> list[str]:
    return [row["key"] for row in found["differences"]]


def test_hosts_that_differ_only_in_what_is_their_own_are_alike() -> None:
    found = differences(fleet(8))
    assert (keys(found), found["not_collected"], found["without_facts"]) == ([], [], {})
    assert found["n_keys"] > 60
    assert sentence(found) == f"All 8 hosts alike, in {found['n_keys']} keys."
    assert short_table(found) == []


def test_the_odd_one_out() -> None:
    hosts = fleet(8)
    hosts["node3"]["gpu"] = gpu(3, "570.172.08")
    hosts["node3"]["servers"] = {
        "gpt-oss-120b": server(sections__cuda_gpu_info__nvidia_driver_version="570.172.08"),
    }
    found = differences(hosts)
    assert keys(found) == ["gpu.driver.version", "server.sections.cuda_gpu_info.nvidia_driver_version"]
    assert found["differences"][0] == {
        "key": "gpu.driver.version",
        "path": ["gpu", "driver", "version"],
        "server": "",
        "title": "driver",
        "usual": "580.95.05",
        "has_usual": True,
        "n_usual": 7,
        "odd": [{"value": "570.172.08", "hosts": ["node3"]}],
    }
    # Both tell of one driver: it is said once.
    assert sentence(found) == "All 8 hosts alike but: node3 driver 570.172.08 (others 580.95.05)."
    assert short_table(found)[2:] == ["node3  driver  570.172.08  580.95.05"]
    assert "| driver |" in markdown(found) and "gpu.driver.version" in markdown(found)


@pytest.mark.parametrize(
    ("values", "usual", "odd"),
    [
        (["a", "a", "b"], "a", {"b": ["node3"]}),
        (["a", "b"], None, {"a": ["node1"], "b": ["node2"]}),
        (["a", "a", "b", "b"], None, {"a": ["node1", "node2"], "b": ["node3", "node4"]}),
        (["a", "a", "b", "c"], None, {"a": ["node1", "node2"], "b": ["node3"], "c": ["node4"]}),
        (["a", None, None], None, {"a": ["node1"]}),
    ],
)
def test_majorities(values: list[str | None], usual: str | None, odd: dict[str, list[str]]) -> None:
    hosts = fleet(len(values))
    for own, value in zip(hosts.values(), values, strict=True):
        own["host"]["packages"]["docker-ce"] = value
    (row,) = differences(hosts)["differences"]
    assert row["usual"] == usual
    assert row["has_usual"] == (values in (["a", "a", "b"], ["a", None, None]))
    assert {group["value"]: group["hosts"] for group in row["odd"]} == odd


def test_a_key_that_is_not_there_is_no_value() -> None:
    hosts = fleet(3)
    hosts["node2"]["servers"]["gpt-oss-120b"]["variables"]["NCCL_DEBUG"] = "INFO"
    found = differences(hosts)
    assert keys(found) == ["server.variables.NCCL_DEBUG"]
    assert sentence(found) == "All 3 hosts alike but: node2 variable NCCL_DEBUG INFO (others none)."


def test_who_could_not_be_collected_is_told() -> None:
    hosts = fleet(7)
    hosts["node2"] = {"servers": {}, "host": None, "gpu": None, "problem": "unreachable"}
    hosts["node3"]["servers"]["gpt-oss-120b"] = {"name": "s", "collected": False, "problem": "no image", "text": ""}
    hosts["node4"]["servers"] = {"other": server()}
    hosts["node5"]["gpu"] = None
    hosts["node6"] = {"servers": {}, "host": None, "gpu": None, "problem": ""}
    found = differences(hosts)
    assert found["hosts"] == ["node1", "node3", "node4", "node5", "node7"]
    assert [(row["host"], row["server"]) for row in found["not_collected"]] == [
        ("node2", None),
        ("node3", "gpt-oss-120b"),
        ("node4", "gpt-oss-120b"),
        ("node6", None),
    ]
    assert found["without_facts"] == {"gpt_oss_gpu": ["node5"]}
    assert keys(found) == [], "what is not known of a host is no difference"
    assert sentence(found).endswith("Not collected: node2, node3, node4 and node6.")
    assert "  - node3 (gpt-oss-120b): no image" in short_table(found)
    assert "unreachable" in markdown(found)


@pytest.mark.parametrize(("count", "words"), [(0, "No hosts"), (1, "1 host,")])
def test_nothing_to_compare(count: int, words: str) -> None:
    assert sentence(differences(fleet(count))).startswith(words)


def test_several_servers_of_a_host() -> None:
    hosts = fleet(3)
    for own in hosts.values():
        own["servers"] = {
            name: server(name=name, arguments=["--port", port]) for name, port in (("a", "8000"), ("b", "8001"))
        }
    assert keys(differences(hosts)) == [], "that the servers of a host differ is not the host's oddity"
    hosts["node1"]["servers"]["b"]["arguments"] = ["--port", "8009"]
    hosts["node2"]["servers"]["a"]["vllm_version"] = hosts["node2"]["servers"]["b"]["vllm_version"] = "0.33.0"
    found = differences(hosts)
    assert [(row["key"], row["server"]) for row in found["differences"]] == [
        ("server.vllm_version", ""),
        ("server.arguments", "b"),
    ]


def test_long_values_are_told_by_their_difference() -> None:
    hosts = fleet(3)
    flags = " ".join(f"flag{n}" for n in range(40))
    for own in hosts.values():
        own["servers"]["gpt-oss-120b"]["sections"]["cpu_info"]["flags"] = flags
    hosts["node1"]["servers"]["gpt-oss-120b"]["sections"]["cpu_info"]["flags"] = flags.replace("flag7 ", "") + " amx"
    assert "without flag7, with amx" in markdown(differences(hosts))


def test_the_table_stays_short() -> None:
    hosts = fleet(3)
    hosts["node2"]["host"]["packages"] |= {f"package-{n:02}": "1" for n in range(40)}
    lines = short_table(differences(hosts))
    assert len(lines) == 2 + 8 + 1 and "and 32 more" in lines[-1]
    assert all(len(line) <= 120 for line in lines)


def test_many_hosts_take_no_long_time() -> None:
    one = fleet(1)["node1"]
    hosts = {f"node{n}": copy.deepcopy(one) for n in range(300)}
    for n in range(0, 300, 10):
        hosts[f"node{n}"]["host"]["packages"]["docker-ce"] = f"28.{n}"
    found = differences(hosts)
    (row,) = found["differences"]
    assert (row["n_usual"], len(row["odd"])) == (270, 30)
    assert len(sentence(found)) < 1000


def test_keys_and_titles() -> None:
    table = fact_table("gpu", gpu(1))
    assert table["gpu", "devices", "name"] == "8 x NVIDIA B200"
    assert table["gpu", "devices", "ecc", "enabled"] == "8 x true"
    assert not [path for path in table if path[-1] in ("uuid", "temperature_c", "pci_address", "processes", "pid")]
    own = server_table(server())
    assert own["server", "packages", "pip", "torch"] == "2.8.0+cu128"
    assert (
        own["server", "links", "GPU0"]
        == "7 x GPU NV18, 3 x NIC NODE, 1 x NIC PIX, 4 x NIC SYS, CPUs 0-55,112-167, NUMA node 0"
    )
    assert own["server", "gpus"] == "8 x NVIDIA B200"
    assert title_of(("gpu", "devices", "fabric", "state"))[1] == "fabric state"
    assert title_of(("server", "packages", "pip", "nvidia-ml.py"))[1] == "package nvidia-ml.py"
    assert title_of(("host", "services", "docker.service", "active"))[1] == "service docker.service active"
    assert title_of(("host", "cgroup"))[1] == "host cgroup"
    assert dotted(("host", "cgroup")) == "host.cgroup"
