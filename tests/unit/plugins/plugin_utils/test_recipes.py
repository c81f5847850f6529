from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_run import render_docker_run
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, images, resolve
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import (
    B20,
    B120,
    CATALOGUE,
    DATA,
    SITE,
    describe,
    problems,
    server,
)

FLAGS = ["--moe-backend", "flashinfer_trtllm", "--quantization_config.moe.activation", "mxfp8"]
MXFP8 = {"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"}

# What 0.18.0 and newer are told about stopping.
DRAIN = ["--shutdown-timeout", "60"]

ORIGINAL = """
docker run --gpus all -p 8000:8000 --ipc=host -v $HF_HOME:/root/.cache/huggingface
 -e VLLM_USE_TRTLLM_ATTENTION=1 -e VLLM_USE_TRTLLM_DECODE_ATTENTION=1 -e VLLM_USE_TRTLLM_CONTEXT_ATTENTION=1
 -e VLLM_USE_FLASHINFER_MXFP4_MOE=1 vllm/vllm-openai:gptoss
 --host 0.0.0.0 --port 8000 --model {model} --async-scheduling{more}
"""


@pytest.mark.parametrize(("model", "more"), [(B20, ""), (B120, " --tensor-parallel-size 8")])
def test_the_original_command_token_by_token(model: str, more: str) -> None:
    site = Site(hf_home="$HF_HOME", allow_open_api=True)
    described = describe(site, model=model, recipe="2025-08", bind_address="0.0.0.0")
    assert render_docker_run(described) == shlex.split(ORIGINAL.format(model=model, more=more))


def test_the_original_recipe_in_reference_precision() -> None:
    environment = describe(recipe="2025-08", moe_activation="bf16")["environment"]
    assert environment["VLLM_USE_FLASHINFER_MXFP4_BF16_MOE"] == "1"
    assert "VLLM_USE_FLASHINFER_MXFP4_MOE" not in environment


@pytest.mark.parametrize(
    ("version", "activation", "environment", "arguments", "entrypoint"),
    [
        ("0.10.1", "bf16", {}, ["--async-scheduling"], ["vllm", "serve"]),
        ("0.10.1.1", "mxfp8", MXFP8, ["--async-scheduling"], ["vllm", "serve"]),
        ("0.11.0.post2", "mxfp8", MXFP8, ["--async-scheduling"], ["vllm", "serve"]),
        ("0.13.0", "mxfp8", MXFP8, ["--async-scheduling"], ["vllm", "serve"]),
        ("0.13.0", "bf16", {}, ["--async-scheduling"], ["vllm", "serve"]),
        ("0.14.1", "mxfp8", MXFP8, [], ["vllm", "serve"]),
        ("0.16.0", "mxfp8", MXFP8, [], None),
        ("0.17.1", "mxfp8", MXFP8, [], None),
        ("0.21.0", "mxfp8", MXFP8, [], None),
        ("0.22.0", "mxfp8", MXFP8, [], None),
        ("0.22.1", "mxfp8", {}, FLAGS, None),
        ("0.23.0", "mxfp8", {}, FLAGS, None),
        ("0.24.0", "mxfp8", {}, FLAGS, None),
        ("0.33.0", "mxfp8", {}, FLAGS, None),
        ("0.40.0", "mxfp8", {}, FLAGS, None),
        ("0.22.1", "bf16", {}, [], None),
        ("0.33.0", "bf16", {}, [], None),
    ],
)
def test_the_current_recipe_by_version(
    version: str, activation: str, environment: dict[str, str], arguments: list[str], entrypoint: list[str] | None
) -> None:
    described = describe(image=f"vllm/vllm-openai:v{version}", moe_activation=activation)
    assert described["recipe"] == "current"
    assert described["environment"] == environment
    drain = DRAIN if tuple(int(part) for part in version.split(".")[:2]) >= (0, 18) else []
    assert described["arguments"] == [B20, "--host", "0.0.0.0", "--port", "8000", *arguments, *drain]
    assert described["entrypoint"] == entrypoint


def test_no_recipe_emits_what_it_would_refuse() -> None:
    for name, recipe in DATA["vllm_recipes"].items():
        for row in recipe["ranges"]:
            for activation, switches in row["moe_activation"].items():
                version = row["since"] if "since" in row else recipe["vllm_version"]
                emitted = {**row.get("environment", {}), **switches.get("environment", {})}
                described = describe(recipe=name, vllm_version=version, moe_activation=activation, environment=emitted)
                assert described["environment"] == emitted


@pytest.mark.parametrize(
    ("options", "recipe", "image", "version"),
    [
        ({}, "current", "vllm/vllm-openai:v0.33.0", "0.33.0"),
        ({"vllm_version": "0.21.0"}, "current", "vllm/vllm-openai:v0.21.0", "0.21.0"),
        ({"vllm_version": "v0.21.0"}, "current", "vllm/vllm-openai:v0.21.0", "0.21.0"),
        ({"recipe": "2025-08"}, "2025-08", "vllm/vllm-openai:gptoss", "0.10.1+gptoss"),
        ({"image": "vllm/vllm-openai:gptoss"}, "2025-08", "vllm/vllm-openai:gptoss", "0.10.1+gptoss"),
        ({"image": "mirror:5000/vllm-openai:gptoss"}, "2025-08", "mirror:5000/vllm-openai:gptoss", "0.10.1+gptoss"),
        ({"image": "vllm/vllm-openai:v0.24.0-cu129"}, "current", "vllm/vllm-openai:v0.24.0-cu129", "0.24.0-cu129"),
        ({"image": "mine:1", "vllm_version": "0.32.0"}, "current", "mine:1", "0.32.0"),
        ({"image": "mine:1", "vllm_version": "0.10.1+gptoss"}, "2025-08", "mine:1", "0.10.1+gptoss"),
        (
            {"image": "vllm/vllm-openai:v0.30.0@sha256:" + "a" * 64},
            "current",
            "vllm/vllm-openai:v0.30.0@sha256:" + "a" * 64,
            "0.30.0",
        ),
    ],
)
def test_recipe_image_and_version(options: dict[str, Any], recipe: str, image: str, version: str) -> None:
    described = describe(**options)
    assert (described["recipe"], described["image"], described["metadata"]["vllm_version"]) == (recipe, image, version)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"model": "openai/gpt-oss-20"},
            "unknown model 'openai/gpt-oss-20'; did you mean 'openai/gpt-oss-20b'? (vllm_extra_models takes others)",
        ),
        (
            {"model": "llama"},
            "unknown model 'llama'; known: openai/gpt-oss-120b, openai/gpt-oss-20b (vllm_extra_models takes others)",
        ),
        ({"recipe": "2025-8"}, "unknown recipe '2025-8'; did you mean '2025-08'?"),
        ({"tensor_paralel_size": 2}, "unknown key 'tensor_paralel_size'; did you mean 'tensor_parallel_size'?"),
        ({"moe_activation": "fp8"}, "moe_activation must be one of bf16, mxfp8; found 'fp8'"),
        ({"port": 70000}, "port must be a port, 1 to 65535; found 70000"),
        ({"port": True}, "port must be a port"),
        ({"name": "a b"}, "name must be a container name"),
        ({"arguments": "--enforce-eager"}, "arguments must be a list of texts"),
        ({"environment": ["A=1"]}, "environment must be a dictionary of texts"),
        ({"gpus": "0;1"}, "gpus must be"),
        ({"gpus": "1,1"}, "gpus must be each GPU once"),
        ({"bind_address": "everywhere"}, "bind_address must be an IP address"),
        ({"gpu_memory_utilization": 92}, "gpu_memory_utilization must be a number above 0, at most 1"),
        ({"restart_policy": "sometimes"}, "restart_policy must be one of"),
        ({"stage_timeouts": {"loading": 5}}, "stage_timeouts must be a dictionary with these stages: pulled, created,"),
        ({"stage_timeouts": {"weights": 0}}, "stage_timeouts must be a whole number of seconds"),
        ({"replicas": 0}, "replicas must be a number of servers above 0"),
        ({"replicas": "many"}, "replicas must be a number of servers above 0"),
        ({"stop_timeout": 60, "drain_timeout": 60}, "stop_timeout 60 must be larger than drain_timeout 60"),
        ({"profile": "fast"}, "unknown profile 'fast'; known: latency, reference, throughput"),
        ({"recipe": "2025-08", "profile": "throughput"}, "recipe '2025-08' has no profile 'throughput'"),
        ({"arguments": ["-dp", "2"]}, "use the option data_parallel_size instead"),
        ({"arguments": ["--kv_cache_dtype=fp8"]}, "use the option kv_cache_dtype instead"),
        (
            {"tensor_parallel_size": 4, "data_parallel_size": 4},
            "tensor_parallel_size 4 with data_parallel_size 4 needs 16 GPUs, but vllm_gpus_per_host says 8",
        ),
        ({"gpus": "0,1", "tensor_parallel_size": 4}, 'tensor_parallel_size 4 needs 4 GPUs, but gpus "0,1" gives 2'),
        ({"gpus": 0, "model": B120}, 'tensor_parallel_size 8 needs 8 GPUs, but gpus "0" gives 1'),
        ({"tensor_parallel_size": 16}, "tensor_parallel_size 16 needs 16 GPUs, but vllm_gpus_per_host says 8"),
        ({"tensor_parallel_size": 3}, "tensor_parallel_size 3 does not divide the model's 64 attention heads"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size must be a whole number above 0"),
        ({"bind_address": "0.0.0.0"}, "would open the API to the network without a key"),
        ({"bind_address": "10.0.0.5"}, "would open the API to the network without a key"),
        ({"recipe": "2025-08", "image": "vllm/vllm-openai:v0.33.0"}, "recipe '2025-08' is not made for vLLM 0.33.0"),
        ({"recipe": "current", "image": "vllm/vllm-openai:gptoss"}, "use recipe 2025-08"),
        ({"vllm_version": "0.10.0"}, "recipe 'current' is not made for vLLM 0.10.0"),
        ({"vllm_version": "newest"}, "vllm_version must be a version such as 0.33.0; found 'newest'"),
        ({"image": "vllm/vllm-openai"}, "cannot be told from its tag; set vllm_version"),
        ({"image": "vllm/vllm-openai:latest"}, "cannot be told from its tag; set vllm_version"),
        ({"image": "vllm@sha256:" + "a" * 64}, "cannot be told from its tag; set vllm_version"),
        # Both modes at once.
        (
            {"recipe": "2025-08", "environment": {"VLLM_USE_FLASHINFER_MXFP4_BF16_MOE": 1}},
            "but moe_activation is mxfp8: exactly one mode can be on",
        ),
        (
            {"vllm_version": "0.21.0", "environment": {"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"}},
            "but moe_activation is bf16: exactly one mode can be on",
        ),
        (
            {
                "vllm_version": "0.21.0",
                "moe_activation": "mxfp8",
                "arguments": ["--moe-backend", "flashinfer_trtllm"],
            },
            "arguments hold --moe-backend, but moe_activation is mxfp8",
        ),
        ({"arguments": ["--quantization_config.moe.activation", "mxfp8"]}, "exactly one mode can be on"),
        ({"arguments": ["--quantization-config", '{"moe": {"activation": "mxfp8"}}']}, "exactly one mode can be on"),
        ({"recipe": "2025-08", "environment": {"VLLM_USE_TRTLLM_ATTENTION": "0"}}, "recipe '2025-08' requires"),
        # Dead names.
        (
            {"environment": {"VLLM_USE_FLASHINFER_MXFP4_MOE": "1"}},
            "VLLM_USE_FLASHINFER_MXFP4_MOE has no effect on vLLM 0.33.0; set moe_activation: mxfp8",
        ),
        (
            {"vllm_version": "0.24.0", "environment": {"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"}},
            "has no effect on vLLM 0.24.0",
        ),
        ({"environment": {"VLLM_USE_TRTLLM_ATTENTION": "1"}}, "--attention-config.use_trtllm_attention true"),
        ({"environment": {"VLLM_USE_TRTLLM_CONTEXT_ATTENTION": "1"}}, "has no effect on vLLM 0.33.0"),
        ({"environment": {"VLLM_USE_TRTLLM_DECODE_ATTENTION": "1"}}, "has no effect on vLLM 0.33.0"),
        ({"environment": {"VLLM_ATTENTION_BACKEND": "X"}}, "give --attention-backend"),
        ({"vllm_version": "0.12.0", "environment": {"VLLM_SYSTEM_START_DATE": "2025-08-11"}}, "has no effect"),
        ({"vllm_version": "0.16.0", "arguments": ["--moe-backend=triton"]}, "--moe-backend is unknown to vLLM 0.16.0"),
        ({"arguments": ["--cuda-graph-sizes", "8"]}, "--cuda-graph-sizes is unknown to vLLM 0.33.0"),
        # What has an option of its own.
        ({"arguments": ["--api-key", "x"]}, "use the option api_key_file instead"),
        ({"arguments": ["--tensor_parallel_size=2"]}, "use the option tensor_parallel_size instead"),
        ({"environment": {"VLLM_API_KEY": "x"}}, "put it in a file and set api_key_file"),
    ],
)
def test_refusals(options: dict[str, Any], expected: str) -> None:
    found = problems(server(**options))
    assert any(expected in problem for problem in found), found
    assert len(found) == 1


def test_a_secret_is_not_repeated_in_a_refusal() -> None:
    found = problems(server(environment={"VLLM_API_KEY": "hunter2"}, arguments=["--api-key=hunter2"]))
    assert len(found) == 2
    assert "hunter2" not in "".join(found)


def test_all_problems_of_all_servers_at_once() -> None:
    found = problems(
        server(name="one", model="llama", port=1, moe_activation="int4"),
        {"name": "two", "bind_address": "0.0.0.0"},
        "three",
        server(name="one"),
        {"model": B20, "port": 4},
    )
    for expected in (
        "server one: unknown model 'llama'",
        "server one: moe_activation must be",
        "server two: 'model' is missing",
        "server two: bind_address 0.0.0.0 would open",
        "server number 3: an entry must be a dictionary",
        "server number 5: 'name' is missing",
        "2 servers have the name one",
        "2 servers have the port 8000",
    ):
        assert any(expected in problem for problem in found), (expected, found)


@pytest.mark.parametrize("servers", ["text", {"name": "x"}, 5])
def test_servers_must_be_a_list(servers: Any) -> None:
    with pytest.raises(RecipeError, match="must be a list"):
        resolve(servers, CATALOGUE, SITE)


@pytest.mark.parametrize(
    ("options", "key", "expected"),
    [
        ({"port": "8005"}, "port", 8005),
        ({"port": 8005}, "container_port", 8000),
        ({"network_mode": "host", "port": 8005}, "container_port", 8005),
        ({}, "bind_address", "127.0.0.1"),
        ({"bind_address": "localhost"}, "bind_address", "127.0.0.1"),
        ({"bind_address": "::1"}, "bind_address", "::1"),
        ({"bind_address": "0.0.0.0", "api_key_file": "/k"}, "api_key_file", "/k"),
        ({"gpus": 3}, "gpus", "3"),
        ({"served_model_name": "mine"}, "served_model_name", "mine"),
        ({}, "served_model_name", B20),
        ({"entrypoint": []}, "entrypoint", None),
        ({"volumes": ["/a:/b:ro"]}, "volumes", ["/hf:/root/.cache/huggingface", "/a:/b:ro"]),
        ({"environment": {"A": True, "B": 1}}, "environment", {"A": "true", "B": "1"}),
        ({"ipc_mode": "private"}, "ipc_mode", "private"),
        ({}, "ipc_mode", "host"),
        ({}, "drop_capabilities", ["ALL"]),
        ({}, "add_capabilities", ["DAC_OVERRIDE"]),
        ({}, "security_options", ["no-new-privileges:true"]),
        ({"user": "root"}, "add_capabilities", ["DAC_OVERRIDE"]),
        ({"user": "2000:0"}, "add_capabilities", []),
        ({"user": "2000:0"}, "drop_capabilities", ["ALL"]),
        ({"network_mode": "host", "port": 443}, "add_capabilities", ["DAC_OVERRIDE", "NET_BIND_SERVICE"]),
        ({"network_mode": "host", "port": 8000}, "add_capabilities", ["DAC_OVERRIDE"]),
        ({"port": 443}, "add_capabilities", ["DAC_OVERRIDE"]),
        ({"drop_capabilities": []}, "add_capabilities", []),
        ({"drop_capabilities": ["NET_RAW"]}, "drop_capabilities", ["NET_RAW"]),
        ({"add_capabilities": ["SYS_NICE"]}, "add_capabilities", ["SYS_NICE"]),
        ({"security_options": []}, "security_options", []),
        *(({"recipe": "2025-08"}, key, []) for key in ("drop_capabilities", "add_capabilities", "security_options")),
        ({"recipe": "2025-08", "user": "2000:0"}, "add_capabilities", []),
        ({}, "read_only", False),
        ({"read_only": True}, "read_only", True),
        ({"tmpfs": ["/tmp"]}, "tmpfs", ["/tmp"]),
        ({"pids_limit": "4096"}, "pids_limit", 4096),
        ({}, "user", None),
        ({"user": "2000:0"}, "user", "2000:0"),
        ({"user": 2000}, "user", "2000"),
        ({}, "stage_timeouts", {}),
        ({"stage_timeouts": {"pulled": 9, "weights": "60"}}, "stage_timeouts", {"pulled": 9, "weights": 60}),
        ({}, "drain_timeout", 60),
        ({}, "stop_timeout", 90),
        ({"drain_timeout": 100}, "stop_timeout", 130),
        ({"drain_timeout": 0}, "stop_timeout", 30),
        ({"stop_timeout": 50}, "stop_timeout", 50),
        ({"stop_timeout": 50}, "drain_timeout", 20),
        ({"vllm_version": "0.17.1"}, "stop_timeout", 30),
        ({"vllm_version": "0.17.1"}, "drain_timeout", 60),
        ({"recipe": "2025-08"}, "stop_timeout", 30),
        ({"arguments": ["--shutdown-timeout", "7"], "drain_timeout": 7}, "stop_timeout", 37),
    ],
)
def test_options(options: dict[str, Any], key: str, expected: Any) -> None:
    assert describe(**options)[key] == expected


@pytest.mark.parametrize(
    ("options", "tail"),
    [
        ({}, ["--host", "0.0.0.0", "--port", "8000", *DRAIN]),
        ({"profile": "reference"}, ["--host", "0.0.0.0", "--port", "8000", *DRAIN]),
        ({"model": B120}, ["--tensor-parallel-size", "8", *DRAIN]),
        ({"model": B120, "gpus": "none"}, ["--tensor-parallel-size", "8", *DRAIN]),
        (
            {"max_model_len": 4096, "arguments": ["--enforce-eager"]},
            ["--max-model-len", "4096", *DRAIN, "--enforce-eager"],
        ),
        ({"served_model_name": "m"}, ["--served-model-name", "m", *DRAIN]),
        ({"gpu_memory_utilization": 0.9}, ["--gpu-memory-utilization", "0.9", *DRAIN]),
        ({"data_parallel_size": 2}, ["--data-parallel-size", "2", *DRAIN]),
        (
            {"max_num_seqs": 128, "max_num_batched_tokens": 10240, "kv_cache_dtype": "fp8"},
            ["--max-num-seqs", "128", "--max-num-batched-tokens", "10240", "--kv-cache-dtype", "fp8", *DRAIN],
        ),
        # How a server stops.
        ({"drain_timeout": 5}, ["8000", "--shutdown-timeout", "5"]),
        ({"drain_timeout": 0}, ["--port", "8000"]),
        ({"stop_timeout": 50}, ["--shutdown-timeout", "20"]),
        ({"stop_timeout": 10}, ["--port", "8000"]),
        ({"stop_timeout": 600}, DRAIN),
        ({"arguments": ["--shutdown_timeout=7"]}, ["--port", "8000", "--shutdown_timeout=7"]),
        ({"vllm_version": "0.17.1", "drain_timeout": 5}, ["--port", "8000"]),
        ({"vllm_version": "0.18.0"}, DRAIN),
        ({"arguments": ["--moe-backend", "triton"]}, ["--moe-backend", "triton"]),
        ({"arguments": ["--seed", -1]}, ["--seed", "-1"]),
    ],
)
def test_the_end_of_the_command_line(options: dict[str, Any], tail: list[str]) -> None:
    assert describe(**options)["arguments"][-len(tail) :] == tail


def test_in_the_hosts_network_the_server_binds_where_it_is_told() -> None:
    arguments = describe(network_mode="host", port=9000)["arguments"]
    assert arguments[1:5] == ["--host", "127.0.0.1", "--port", "9000"]


def test_an_entry_adds_to_the_defaults_tables_and_replaces_the_rest() -> None:
    defaults = {"environment": {"A": "1", "B": "1"}, "port": 1, "arguments": ["--x"]}
    described = describe(defaults=defaults, environment={"B": "2"}, arguments=["--y"])
    assert described["environment"] == {"A": "1", "B": "2"}
    assert described["port"] == 1
    assert described["arguments"][-1] == "--y"
    assert "--x" not in described["arguments"]


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"gpus": "0,1"}, ["--gpus", '"device=0,1"']),
        ({"gpus": "0,1", "gpu_access": "cdi"}, ["--device", "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=1"]),
        ({}, ["-p", "127.0.0.1:8000:8000"]),
        ({"bind_address": "::1"}, ["-p", "[::1]:8000:8000"]),
        ({"network_mode": "host"}, ["--network=host"]),
        ({"shm_size": "1g"}, ["--shm-size=1g"]),
        ({"vllm_version": "0.12.0"}, ["--entrypoint", "vllm", "vllm/vllm-openai:v0.12.0", "serve", B20]),
        ({"ulimits": {"nofile": "1024:1024"}}, ["--ulimit", "nofile=1024:1024"]),
    ],
)
def test_docker_run(options: dict[str, Any], tokens: list[str]) -> None:
    rendered = render_docker_run(describe(**options))
    assert any(rendered[i : i + len(tokens)] == tokens for i in range(len(rendered))), rendered


def test_docker_run_without_gpus() -> None:
    assert "--gpus" not in render_docker_run(describe(gpus="none"))


def test_the_images_are_known_before_any_version() -> None:
    servers = [
        server(),
        server(image="mirror/vllm@sha256:" + "a" * 64, pull="always"),
        server(recipe="2025-08"),
        server(vllm_version="0.21.0"),
        server(image="mine:1", pull="never"),
        server(image="mine:1"),
    ]
    assert images(servers, CATALOGUE) == [
        {"image": "vllm/vllm-openai:v0.33.0", "pull": "missing"},
        {"image": "mirror/vllm@sha256:" + "a" * 64, "pull": "always"},
        {"image": "vllm/vllm-openai:gptoss", "pull": "missing"},
        {"image": "vllm/vllm-openai:v0.21.0", "pull": "missing"},
        {"image": "mine:1", "pull": "missing"},
    ]


DIGEST = "mirror/vllm@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("options", "read", "version", "recipe"),
    [
        ({"image": DIGEST}, "0.32.0+cpu", "0.32.0+cpu", "current"),
        ({"image": DIGEST}, "0.10.1+gptoss", "0.10.1+gptoss", "2025-08"),
        # As the build's own image calls it, and as another build of the same sources would.
        ({"image": DIGEST}, "0.10.2.dev2+gf5635d62e.d20250807", "0.10.1+gptoss", "2025-08"),
        ({"image": "vllm/vllm-openai:gptoss"}, "0.10.2.dev2+gf5635d62e", "0.10.1+gptoss", "2025-08"),
        ({"image": "vllm/vllm-openai:gptoss"}, "0.10.2.dev9+gabc", "0.10.1+gptoss", "2025-08"),
        ({"image": "mine:1"}, "0.24.0", "0.24.0", "current"),
        ({"image": "mine:1", "vllm_version": "0.24.0"}, "0.24.0+cu129", "0.24.0+cu129", "current"),
        ({"image": "vllm/vllm-openai:v0.24.0-cu129"}, "0.24.0", "0.24.0", "current"),
        ({"image": "vllm/vllm-openai:v0.11.0"}, "0.11.0.post2", "0.11.0.post2", "current"),
        ({"image": "vllm/vllm-openai:gptoss"}, "0.10.1+gptoss", "0.10.1+gptoss", "2025-08"),
        ({"recipe": "2025-08"}, "0.10.1+gptoss", "0.10.1+gptoss", "2025-08"),
        ({}, "0.33.0", "0.33.0", "current"),
        # What cannot be read as a version tells nothing.
        ({}, "unknown", "0.33.0", "current"),
        ({}, "", "0.33.0", "current"),
        ({"image": "other:1", "vllm_version": "0.32.0"}, None, "0.32.0", "current"),
    ],
)
def test_a_version_that_was_read_beats_the_tag(options: dict[str, Any], read: Any, version: str, recipe: str) -> None:
    image = options.get("image") or ("vllm/vllm-openai:gptoss" if options else "vllm/vllm-openai:v0.33.0")
    described = describe(Site(hf_home="/hf", image_versions={image: read}), **options)
    assert (described["metadata"]["vllm_version"], described["recipe"]) == (version, recipe)


def test_a_version_that_was_read_decides_what_is_emitted() -> None:
    site = Site(hf_home="/hf", image_versions={DIGEST: "0.21.0"})
    assert describe(site, image=DIGEST, moe_activation="mxfp8")["environment"] == MXFP8


@pytest.mark.parametrize(
    ("options", "read", "said"),
    [
        (
            {},
            "0.32.0",
            "image vllm/vllm-openai:v0.33.0 holds vLLM 0.32.0, but its tag says 0.33.0; set vllm_version: 0",
        ),
        ({"image": "mine:1", "vllm_version": "0.24.0"}, "0.23.0", "holds vLLM 0.23.0, but vllm_version says 0.24.0"),
        ({"image": "vllm/vllm-openai:gptoss"}, "0.10.1", "holds vLLM 0.10.1, but its tag says 0.10.1+gptoss"),
        ({"image": "vllm/vllm-openai:v0.10.1"}, "0.10.1+gptoss", "holds vLLM 0.10.1+gptoss, but its tag says 0.10.1"),
    ],
)
def test_a_version_that_contradicts_the_tag_is_refused(options: dict[str, Any], read: str, said: str) -> None:
    image = options.get("image", "vllm/vllm-openai:v0.33.0")
    found = problems(server(**options), site=Site(hf_home="/hf", image_versions={image: read}))
    assert len(found) == 1
    assert said in found[0]


def test_a_version_that_will_be_read_is_no_problem_yet() -> None:
    later = Site(hf_home="/hf", version_known_later=True)
    assert resolve([server(image=DIGEST)], CATALOGUE, later) == []
    assert len(problems(server(image=DIGEST))) == 1
    assert len(problems(server(image=DIGEST, vllm_version="new"), site=later)) == 1
