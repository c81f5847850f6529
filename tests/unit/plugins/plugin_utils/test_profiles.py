from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import host_gpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Site
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import (
    B20,
    B120,
    CATALOGUE,
    SITE,
    describe,
    gpu_facts,
    on,
    problems,
    server,
)

B200, B300, H200, UNKNOWN = on(), on("NVIDIA B300 SXM6 AC"), on("NVIDIA H200", memory_mib=143771), on("NVIDIA L4")
BENCHMARK = ["--max-num-batched-tokens", "8192", "--kv-cache-dtype", "fp8", "--no-enable-prefix-caching"]
GRAPHS = ["--max-cudagraph-capture-size", "2048"]
STREAM = ["--stream-interval", "20"]
TP8 = ["--tensor-parallel-size", "8"]


@pytest.mark.parametrize(
    ("site", "options", "emitted"),
    [
        # The default emits what it emitted before there were profiles.
        (B200, {}, []),
        (B200, {"model": B120}, TP8),
        (B200, {"model": B120, "profile": "reference"}, TP8),
        (H200, {"model": B120}, TP8),
        (B200, {"profile": "throughput"}, [*BENCHMARK, *GRAPHS, *STREAM]),
        (B300, {"profile": "throughput", "model": B120}, [*BENCHMARK, *GRAPHS, *STREAM]),
        # Without the GPUs of the benchmark only the split is known.
        (H200, {"profile": "throughput", "model": B120}, []),
        (SITE, {"profile": "throughput", "model": B120}, []),
        (B200, {"profile": "throughput", "gpus": "none"}, []),
        (B200, {"profile": "latency", "model": B120}, TP8),
        (B200, {"profile": "latency", "model": B120, "gpus": "0,1,2,3"}, ["--tensor-parallel-size", "4"]),
        (B200, {"profile": "latency"}, []),
        # The entry wins, by option and by argument.
        (
            B200,
            {"profile": "throughput", "kv_cache_dtype": "auto", "max_num_batched_tokens": 4096},
            ["--max-num-batched-tokens", "4096", "--kv-cache-dtype", "auto", *BENCHMARK[4:], *GRAPHS, *STREAM],
        ),
        (
            B200,
            {"profile": "throughput", "arguments": ["--enable-prefix-caching", "--stream_interval=1"]},
            [*BENCHMARK[:4], *GRAPHS, "--enable-prefix-caching", "--stream_interval=1"],
        ),
        (B200, {"profile": "throughput", "tensor_parallel_size": 2}, ["--tensor-parallel-size", "2", *BENCHMARK]),
        # What a version does not know is left out.
        (B200, {"profile": "throughput", "vllm_version": "0.11.0"}, ["--async-scheduling", *BENCHMARK]),
        # As many GPUs as there are, as far as heads can be split.
        (on(count=4), {"model": B120}, ["--tensor-parallel-size", "4"]),
        (on(count=6), {"model": B120}, ["--tensor-parallel-size", "4"]),
        (B200, {"model": B120, "gpus": "0,1"}, ["--tensor-parallel-size", "2"]),
        (B200, {"model": B120, "gpus": "3"}, []),
        (B200, {"model": B120, "data_parallel_size": 4}, ["--tensor-parallel-size", "2", "--data-parallel-size", "4"]),
    ],
)
def test_profiles(site: Site, options: dict[str, Any], emitted: list[str]) -> None:
    described = describe(site, drain_timeout=0, **options)
    line = described["arguments"]
    assert line[: 5 + len(emitted)] == [options.get("model", B20), "--host", "0.0.0.0", "--port", "8000", *emitted]
    if "tensor_parallel_size" not in options:
        assert len(line) == 5 + len(emitted)
    assert described["metadata"]["profile"] == options.get("profile", "reference")


def test_the_defaults_of_the_inventory_win_over_a_profile() -> None:
    line = describe(B200, {"kv_cache_dtype": "auto", "tensor_parallel_size": 2}, profile="throughput")["arguments"]
    assert line[line.index("--kv-cache-dtype") + 1] == "auto"
    assert line[line.index("--tensor-parallel-size") + 1] == "2"


@pytest.mark.parametrize("profile", ["reference", "throughput", "latency"])
def test_no_profile_touches_the_precision_of_the_experts(profile: str) -> None:
    assert describe(B200, profile=profile)["metadata"]["moe_activation"] == "bf16"


@pytest.mark.parametrize(
    ("site", "options", "expected"),
    [
        (H200, {"moe_activation": "mxfp8"}, "moe_activation mxfp8 has no kernels on NVIDIA H200; set moe_activation:"),
        (
            on("NVIDIA B300 SXM6 AC"),
            {"vllm_version": "0.12.0"},
            "vLLM 0.12.0 has no kernels of its own for NVIDIA B300 SXM6 AC; use 0.13.0 or newer",
        ),
        (
            on("NVIDIA A10G", memory_mib=23028),
            {"model": B120, "tensor_parallel_size": 2},
            "the weights of openai/gpt-oss-120b take 30.4 GiB of each GPU at tensor_parallel_size 2, but 0.9 of a GPU",
        ),
        (on(count=4), {"tensor_parallel_size": 8}, "tensor_parallel_size 8 needs 8 GPUs, but the host has 4"),
    ],
)
def test_what_the_gpus_cannot_do_is_refused(site: Site, options: dict[str, Any], expected: str) -> None:
    found = problems(server(**options), site=site)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("site", "options"),
    [
        (B200, {"moe_activation": "mxfp8"}),
        (B300, {"moe_activation": "mxfp8", "vllm_version": "0.13.0"}),
        # Nobody knows these GPUs, or nobody has looked, or the original is asked for.
        (UNKNOWN, {"moe_activation": "mxfp8"}),
        (SITE, {"moe_activation": "mxfp8"}),
        (H200, {"recipe": "2025-08"}),
        (B300, {"recipe": "2025-08"}),
        (H200, {"moe_activation": "mxfp8", "gpus": "none"}),
    ],
)
def test_what_may_be_possible_is_not_refused(site: Site, options: dict[str, Any]) -> None:
    assert describe(site, **options)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("NVIDIA B200", "sm100"),
        ("NVIDIA GB200", "sm100"),
        ("NVIDIA B300 SXM6 AC", "sm103"),
        ("NVIDIA H100 80GB HBM3", "sm90"),
        ("NVIDIA H200", "sm90"),
        ("NVIDIA GH200 480GB", "sm90"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", None),
        ("NVIDIA L4", None),
        ("", None),
    ],
)
def test_the_family_of_a_gpu(name: str, family: str | None) -> None:
    assert on(name).host.family("all") == family


def test_the_gpus_of_a_host_without_a_driver_are_known_by_the_bus() -> None:
    rows = [{"address": str(number), "name": "B200"} for number in range(4)]
    host = host_gpus({"present": 4, "devices": [], "pci": rows}, CATALOGUE.gpu_families, 8)
    assert (host.count, host.known, host.family("0,3"), host.product("all")) == (4, True, "sm100", "B200")


@pytest.mark.parametrize("facts", [None, {}, {"present": 0, "devices": [], "pci": []}])
def test_a_host_where_nothing_was_found_is_an_unknown_one(facts: dict[str, Any] | None) -> None:
    host = host_gpus(facts, CATALOGUE.gpu_families, 8)
    assert (host.count, host.known, host.family("all")) == (8, False, None)


def test_gpus_of_two_families_are_of_none() -> None:
    facts = gpu_facts(2)
    facts["devices"][1]["name"] = "NVIDIA H200"
    host = host_gpus(facts, CATALOGUE.gpu_families, 8)
    assert [host.family(gpus) for gpus in ("all", "0,1", "0", "GPU-1")] == [None, None, "sm100", "sm90"]
