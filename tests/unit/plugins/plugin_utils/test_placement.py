from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import expand, resolve
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import (
    B120,
    CATALOGUE,
    SITE,
    on,
    problems,
    server,
)

Row = tuple[str, int, str]
B200 = on()


def placed(*servers: dict[str, Any], site: Site = B200) -> list[Row]:
    return [(one["name"], one["port"], one["gpus"]) for one in resolve(list(servers), CATALOGUE, site)]


def eight(name: str = "s1", port: int = 8000) -> list[Row]:
    return [(f"{name}-{number}", port + number, str(number)) for number in range(8)]


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([server()], [("s1", 8000, "all")]),
        ([server(replicas=8)], eight()),
        ([server(replicas="auto", port=9000)], eight(port=9000)),
        ([server(replicas=1)], [("s1-0", 8000, "0")]),
        ([server(replicas="2", gpus="5,3,1")], [("s1-0", 8000, "5"), ("s1-1", 8001, "3")]),
        ([server(replicas="auto", gpus="5,3")], [("s1-0", 8000, "5"), ("s1-1", 8001, "3")]),
        ([server(replicas="auto", tensor_parallel_size=4)], [("s1-0", 8000, "0,1,2,3"), ("s1-1", 8001, "4,5,6,7")]),
        (
            [server(replicas="auto", tensor_parallel_size=2, data_parallel_size=2)],
            [("s1-0", 8000, "0,1,2,3"), ("s1-1", 8001, "4,5,6,7")],
        ),
        ([server(replicas=2, gpus="none")], [("s1-0", 8000, "none"), ("s1-1", 8001, "none")]),
        ([server(gpus="auto")], [("s1", 8000, "0")]),
        # What is left by the others, wherever they stand in the list.
        (
            [server(gpus="auto", port=1), server(name="s2", gpus="0,1"), server(name="s3", gpus="auto", port=2)],
            [("s1", 1, "2"), ("s2", 8000, "0,1"), ("s3", 2, "3")],
        ),
        (
            [server(gpus="GPU-0"), server(name="s2", gpus="auto", replicas=2, port=1)],
            [("s1", 8000, "GPU-0"), ("s2-0", 1, "1"), ("s2-1", 2, "2")],
        ),
        ([server(gpus="auto", replicas="auto"), server(name="s2", gpus="2,3,4,5,6,7", port=1)], None),
        ([server(replicas="auto", model=B120, profile="throughput")], eight()),
        # The sizes that a model has by itself yield to the number of servers and of GPUs.
        ([server(model=B120, replicas=2)], [("s1-0", 8000, "0,1,2,3"), ("s1-1", 8001, "4,5,6,7")]),
        ([server(model=B120, replicas="auto")], [("s1-0", 8000, "0,1,2,3,4,5,6,7")]),
        # The same port at addresses that have nothing to do with each other.
        (
            [server(gpus="0"), server(name="s2", gpus="1", bind_address="10.0.0.5", api_key_file="/key")],
            [("s1", 8000, "0"), ("s2", 8000, "1")],
        ),
        ([server(gpus="none"), server(name="s2", port=1)], [("s1", 8000, "none"), ("s2", 1, "all")]),
    ],
)
def test_replicas_ports_and_gpus(servers: list[dict[str, Any]], expected: list[Row] | None) -> None:
    wanted = expected or [("s1-0", 8000, "0"), ("s1-1", 8001, "1"), ("s2", 1, "2,3,4,5,6,7")]
    assert placed(*servers) == wanted
    assert [(row["name"], row["port"], row["gpus"]) for row in expand(servers, CATALOGUE, B200)] == wanted


def test_without_facts_the_host_has_as_many_gpus_as_it_is_said_to() -> None:
    assert placed(server(replicas="auto"), site=SITE) == eight()
    assert placed(server(replicas="auto"), site=Site(hf_home="/hf", gpus_per_host=2)) == eight()[:2]


def test_replicas_in_the_hosts_network_listen_on_their_own_ports() -> None:
    rows = resolve([server(replicas=2, network_mode="host")], CATALOGUE, B200)
    assert [row["container_port"] for row in rows] == [8000, 8001]
    assert [row["arguments"][4] for row in rows] == ["8000", "8001"]


@pytest.mark.parametrize(
    ("site", "servers", "expected"),
    [
        (B200, [server(replicas=9)], "9 servers of 1 GPU need 9 GPUs, but the host has 8"),
        (SITE, [server(replicas=9)], "9 servers of 1 GPU need 9 GPUs, but vllm_gpus_per_host says 8"),
        (B200, [server(replicas=3, gpus="0,1")], '3 servers of 1 GPU need 3 GPUs, but gpus "0,1" gives 2'),
        (
            B200,
            [server(replicas="auto", tensor_parallel_size=16)],
            "1 server of 16 GPUs needs 16 GPUs, but the host has 8",
        ),
        (B200, [server(replicas="auto", gpus="none")], "replicas: auto is a server for each GPU, but gpus is none"),
        (B200, [server(replicas=2, gpus="none", port=65535)], "2 replicas need ports up to 65536"),
        (B200, [server(gpus="7,8")], "gpus names 8, but the host has the GPUs 0, 1, 2, 3, 4, 5, 6, 7; name some"),
        (B200, [server(gpus="GPU-9")], "gpus names GPU-9, but the host has"),
        (
            B200,
            [server(gpus="0,1,2,3,4,5,6,7"), server(name="s2", port=1, gpus="auto")],
            "server s2: 1 server of 1 GPU needs 1 GPU, but 0 are left by the other entries",
        ),
        (B200, [server(), server(name="s2", port=1)], "servers s1 and s2 would both use all GPUs; give each its own"),
        (B200, [server(), server(name="s2", port=1, gpus="3")], "servers s1 and s2 would both use GPU 3; give each"),
        (SITE, [server(), server(name="s2", port=1, gpus="11")], "servers s1 and s2 would both use GPU 11"),
        (
            B200,
            [server(gpus="1,2,10,3", name="s2"), server(port=1, gpus="3,2")],
            "servers s2 and s1 would both use the GPUs 2, 3; give each its own",
        ),
        (B200, [server(gpus="GPU-3"), server(name="s2", port=1, gpus="3")], "s1 and s2 would both use GPU 3"),
        (B200, [server(gpus="0"), server(name="s2", gpus="1")], "2 servers have the port 8000; give each its own"),
        (
            B200,
            [server(gpus="0"), server(name="s2", gpus="1", bind_address="0.0.0.0", api_key_file="/key")],
            "2 servers have the port 8000; give each its own",
        ),
        (
            B200,
            [server(gpus="0", network_mode="host"), server(name="s2", gpus="1")],
            "2 servers have the port 8000; give each its own",
        ),
        (
            B200,
            [server(replicas=2, gpus="0,1"), server(name="s2", port=8001, gpus="2")],
            "2 servers have the port 8001; give each its own",
        ),
        (
            B200,
            [server(replicas=2, gpus="0,1"), server(name="s1-1", port=1, gpus="2")],
            "2 servers have the name s1-1; give each its own",
        ),
        (B200, [server(replicas=8), server(name="s2", port=1)], "servers s1-7 and s2 would both use GPU 7"),
        (on(count=4), [server(replicas=8)], "8 servers of 1 GPU need 8 GPUs, but the host has 4"),
    ],
)
def test_refusals(site: Site, servers: list[dict[str, Any]], expected: str) -> None:
    found = problems(*servers, site=site)
    assert any(expected in problem for problem in found), found


def test_a_gpu_that_is_not_there_is_named_once() -> None:
    assert len(problems(server(gpus="8"), site=B200)) == 1


def test_an_option_that_cannot_be_read_clashes_with_nothing() -> None:
    assert len(problems(server(gpus="?", port="?"), server(name="s2"), site=B200)) == 2


def test_what_cannot_be_planned_is_listed_all_the_same() -> None:
    servers: list[Any] = [server(model="?", replicas=2), "text", {"name": "s2"}]
    rows = expand(servers, CATALOGUE, B200)
    assert [row["name"] for row in rows] == ["s1-0", "s1-1", "s2"]
