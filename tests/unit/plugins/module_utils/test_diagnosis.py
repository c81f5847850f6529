from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import (
    concerns,
    diagnose,
    diagnose_hang,
    diagnose_text,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import (
    CONCERNS,
    ENGINE_FAILURES,
    EXITS,
    FAILURES,
    HANGS,
    Failure,
)

LOGS = Path(__file__).parent / "fixtures" / "logs"
SUMMARY = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
W = "(Worker_TP3 pid=40) ERROR 11-22 15:28:53 [multiproc_executor.py:953] "


def log(name: str) -> list[str]:
    return (LOGS / f"{name}.log").read_text(encoding="utf-8").split("\n")


# The log of a container that ended, what its cause must name, and what its remedy must.
ENDS = [
    ("api_key_unreadable", "/run/secrets/vllm_api_key", "api_key_file"),
    ("architecture_not_supported", "FrobForCausalLM", "image"),
    ("attention_backend", "kv_cache_dtype=fp8", "--attention-backend"),
    ("bad_parser", "nosuch", "--tool-call-parser"),
    ("bad_value", "--max-num-seqs has a value that vLLM refuses: invalid int value: 'banana'", "arguments"),
    ("bad_value-choice", "--dtype", "arguments"),
    ("compiler_failed", "/usr/bin/gcc", "libgcc.a"),
    ("config_file_missing", "/nonexistent.yaml", "volumes"),
    ("cuda_error", "operation not supported (in Worker_TP0)", "gpu_proof"),
    ("dead_variable", "VLLM_USE_FLASHINFER_MXFP4_MOE", "moe_activation"),
    ("disk_full", "torch_compile_cache", "vllm_hf_home"),
    ("driver_mismatch", "unsupported display driver", "reboot"),
    ("driver_too_old", "found version 12080", "-cu129"),
    ("ecc_error", "in Worker_TP2", "ROW_REMAPPER"),
    ("engine_died", "engine's process", "dmesg"),
    ("engine_died-cuda", "engine's process", "dmesg"),
    ("engine_died-idle", "engine's process", "dmesg"),
    ("engine_died-tensor_parallel", "engine's process", "dmesg"),
    ("engine_died-worker", "engine's process", "dmesg"),
    ("engine_ready_timeout", "600 s", "VLLM_ENGINE_READY_TIMEOUT_S"),
    ("fabric_not_ready", "802", "nvidia-fabricmanager"),
    ("fabric_not_ready-nccl", "802", "nvlsm"),
    ("flashinfer_missing", "No module named 'flashinfer'", "vllm/vllm-openai"),
    ("free_memory", "(20.1/178.36 GiB) on startup is less than gpu_memory_utilization 0.9", "gpu_memory_utilization"),
    (
        "free_memory-beside",
        "(9.07/139.8 GiB) on startup is less than gpu_memory_utilization 0.92",
        "gpu_memory_utilization",
    ),
    ("gpu_busy", "exclusive", "nvidia-smi -c DEFAULT"),
    ("gpu_fault", "illegal memory access was encountered (in Worker_TP2)", "dmesg"),
    ("gpu_lost", "GPU is lost (in Worker_TP5)", "Xid 79"),
    ("gpu_out_of_memory", "270.00 MiB. GPU 3 has a total capacity of 178.36 GiB", "gpu_memory_utilization"),
    ("gpu_out_of_memory-tp", "(in Worker_TP3)", "tensor_parallel_size"),
    ("harmony_error", "unexpected tokens remaining", "image"),
    ("host_memory", "2316042240 bytes", "memory"),
    ("hub_failed", "503 Service Unavailable", "hf_cache"),
    ("hub_forbidden", "403", "token"),
    ("hub_rate_limited", "429", "hf_cache"),
    ("hub_unauthorized", "401", "HF_TOKEN"),
    ("hub_unauthorized-token", "401", "expired"),
    ("hub_unreachable", "openai/gpt-oss-20b is not in its cache", "vllm_offline"),
    ("hub_unreachable-dns", "Temporary failure in name resolution", "DNS"),
    ("illegal_instruction", "processor", "lscpu"),
    ("missing_library", "libcuda.so.1", "NVIDIA Container Toolkit"),
    ("missing_module", "humming", "image"),
    ("model_folder_missing", "/nonexistent/model", "mount"),
    ("model_folder_missing-no_config", "/m/noconfig", "mount"),
    ("model_gated", "openai/gpt-oss-20b is gated", "HF_TOKEN"),
    ("model_incomplete", "openai/gpt-oss-20b is in the cache, but not wholly", "hf_model"),
    ("model_incomplete-shard", "model-00001-of-00002.safetensors", "hf_model"),
    ("model_incomplete-tree", "openai/gpt-oss-120b is in the cache, but not wholly", "trees/"),
    ("model_length", "999999999 is more than the model allows (131072)", "max_model_len to 131072"),
    ("model_not_cached", "openai/gpt-oss-20b", "hf_model"),
    ("model_not_found", "no model openai/gpt-oss-20b on the Hub (404)", "name"),
    ("moe_backend", "mixture of experts", "moe_activation"),
    ("nccl_error", "unhandled cuda error", "NCCL_DEBUG"),
    ("nccl_error-pynccl", "unhandled system error", "Fabric State: Completed"),
    ("no_compiler", "C++", "--enforce-eager"),
    ("no_device", "Failed to infer device type", "gpu_access"),
    ("no_kernel_image", "kernels", "CUDA 12.8"),
    ("no_kv_room", "max_model_len 131072 needs 9.0 GiB, there are 3.25 GiB", "max_model_len"),
    ("no_kv_room-none", "KV cache", "gpu_memory_utilization"),
    ("no_model_argument", "first argument", "arguments"),
    ("no_such_user", "1234", "HOME"),
    ("not_divisible", "attention heads (4) must be divisible by tensor parallel size (16)", "tensor_parallel_size"),
    ("not_divisible-sinks", "Attention sink heads", "1, 2, 4 or 8"),
    ("nvml_lost", "daemon-reload", "gpu_access: cdi"),
    ("open_files", "file descriptors", "nofile"),
    ("permission", "models--openai--gpt-oss-120b", "user"),
    ("port_in_use", "port 18102", "ss -ltnp"),
    ("process_killed", "SIGKILL", "Out of memory"),
    ("process_killed-worker", "SIGKILL", "Out of memory"),
    ("quantization_not_supported", "frob", "--quantization"),
    ("read_only", "torch_compile_cache", "VLLM_CACHE_ROOT"),
    (
        "refused_configuration",
        "gpu_memory_utilization: Input should be less than or equal to 1",
        "gpu_memory_utilization",
    ),
    ("revision_not_found", "nosuch", "--revision"),
    ("sampler_out_of_memory", "1024 requests", "--max-num-seqs"),
    ("segmentation_fault", "segmentation fault", "dmesg"),
    ("segmentation_fault-engine", "segmentation fault", "--enforce-eager"),
    ("shared_memory", "160 MiB required, 64 MiB free", "ipc_mode: host"),
    ("shared_memory-bus", "SIGBUS", "shm_size"),
    ("shared_memory-worker", "240 MiB required, 192 MiB free", "shm_size"),
    ("sinks_not_float32", "float32", "newer image"),
    ("sinks_not_supported", "does not support attention sinks", "--attention-backend"),
    ("too_many_processes", "can't start new thread", "nproc"),
    ("transformers_too_old", "frob", "image"),
    ("unknown_flag", "--no-such-flag", "--help=all"),
    ("vocabulary_offline", "vocabulary", "TIKTOKEN_ENCODINGS_BASE"),
    ("weights_corrupt", "header too large", "hf_model"),
    ("weights_corrupt-lfs", "header too large", "Git LFS"),
    ("weights_corrupt-short", "incomplete metadata, file not fully covered", "hf_model"),
    ("weights_mismatch", "size of tensor a (128)", "config.json"),
    ("weights_unreadable", "/m/unreadable/model.safetensors", "chmod -R a+rX"),
    ("world_size", "8 GPUs, the container sees 4", "tensor_parallel_size"),
    ("wrong_architecture", "exec format error", "uname -m"),
]


@pytest.mark.parametrize(("name", "cause", "remedy"), ENDS, ids=[row[0] for row in ENDS])
def test_ends(name: str, cause: str, remedy: str) -> None:
    found = diagnose(log(name), 1)
    assert (found.name, cause in found.cause, remedy in found.remedy) == (name.partition("-")[0], True, True), found
    assert not re.search(r"\{\w*\}| $|\(\)", found.cause + found.remedy), found


# Logs in which something else than the cause looks like one.
TRAPS = [
    ("trap-optional-file", "gpu_out_of_memory", "270.00 MiB"),
    ("trap-request-error", "gpu_out_of_memory", "270.00 MiB"),
    ("trap-download-warning", "free_memory", "20.1/178.36 GiB"),
    ("trap-xid-in-a-reply", "engine_died", "engine's process"),
    ("trap-late-output", "model_not_found", "openai/gpt-oss-20b on the Hub (404)"),
    ("trap-code", "unknown", "frob.FrobError: the frob is gone"),
    ("trap-survived-permission", "engine_died", "engine's process"),
]


@pytest.mark.parametrize(("name", "expected", "cause"), TRAPS, ids=[row[0] for row in TRAPS])
def test_traps(name: str, expected: str, cause: str) -> None:
    found = diagnose(log(name), 1)
    assert (found.name, cause in found.cause) == (expected, True), found


# What the engine says when it refuses.
REFUSALS = [
    ("engine-cdi_device_missing", "cdi", "nvidia-ctk cdi generate"),
    ("engine-cdi_device_missing-off", "nvidia.com/gpu=all", "Docker 25"),
    ("engine-cdi_device_missing-unresolvable", "nvidia.com/gpu=9", "/etc/cdi"),
    ("engine-device_node_missing", "/dev/nvidia0", "devices"),
    ("engine-disk_full", "no space left on device", "df -h"),
    ("engine-driver_mismatch", "driver/library version mismatch", "reboot"),
    ("engine-driver_missing", "libnvidia-ml.so.1", "nvidia_driver"),
    ("engine-driver_missing-not_loaded", "driver not loaded", "nvidia-smi"),
    ("engine-driver_too_old", "cuda>=13.0", "nvidia_driver"),
    ("engine-engine_image", "vllm/vllm-openai:v9.9.9", "tag"),
    ("engine-engine_image-denied", "vllm/vllm-opena", "docker login"),
    ("engine-engine_image-manifest", "vllm/vllm-openai:none", "tag"),
    ("engine-engine_network", "docker0", "systemctl restart docker"),
    ("engine-engine_request", "too old", "1.44"),
    ("engine-engine_unreachable", "unix:///run/nosuch.sock", "systemctl start docker"),
    ("engine-gpu_unknown", "not on this host: 9", "nvidia-smi -L"),
    ("engine-mount_refused", "/srv/nosuch", "volumes"),
    ("engine-mount_refused-file", "/etc/hostname", "volumes"),
    ("engine-no_such_program", "no program vllm", "entrypoint"),
    ("engine-port_allocated", "127.0.0.1:8000", "ss -ltnp"),
    ("engine-port_allocated-process", "127.0.0.1:8000", "ss -ltnp"),
    ("engine-program_not_executable", "/x/start", "x bit"),
    ("engine-registry_certificate", "unknown authority", "certs.d"),
    ("engine-registry_certificate-http", "registry.example.com:5000", "insecure"),
    ("engine-registry_refused", "pull rate limit", "docker login"),
    ("engine-registry_refused-login", "no basic auth credentials", "docker login"),
    ("engine-registry_unreachable", "nosuch.invalid", "DNS"),
    ("engine-registry_unreachable-refused", "127.0.0.1:1", "pull: never"),
    ("engine-registry_unreachable-silent", "192.0.2.1:5000", "pull: never"),
    ("engine-toolkit_failed", "failed to add device rules", "gpu_access: cdi"),
    ("engine-toolkit_missing", "cannot give GPUs", "nvidia-ctk runtime configure"),
    ("engine-toolkit_missing-runtime", "cannot give GPUs", "nvidia-ctk runtime configure"),
    ("engine-wrong_architecture", "linux/arm64/v8", "uname -m"),
]


@pytest.mark.parametrize(("name", "cause", "remedy"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusals(name: str, cause: str, remedy: str) -> None:
    found = diagnose_text("\n".join(log(name)).strip())
    assert (found.name, cause in found.cause, remedy in found.remedy) == (name.split("-")[1], True, True), found
    assert not re.search(r"\{\w*\}| $|\(\)", found.cause + found.remedy), found


def test_an_unknown_refusal() -> None:
    found = diagnose_text("something new")
    assert (found.name, found.cause) == ("unknown", "something new") and found.remedy


@pytest.mark.parametrize("name", ["all_reduce", "compiling", "hub", "loading", "nccl"])
def test_hangs(name: str) -> None:
    found = diagnose_hang("engine", log(f"hang-{name}"), "healthy: refused")
    assert found.name == f"hangs_in_{name}" and "healthy: refused" in found.cause and found.remedy


def test_an_unknown_hang() -> None:
    found = diagnose_hang("compile", [], "healthy: refused")
    assert found.name == "hangs_in_compile" and "nothing" in found.cause


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("flashinfer_slow_path", "slow kernels"),
        ("few_open_files", "1024 files"),
    ],
)
def test_concerns(name: str, cause: str) -> None:
    found = concerns(log(f"concern-{name}"))
    assert [entry.name for entry in found] == [name] and cause in found[0].cause and found[0].remedy
    assert concerns(log("engine_died")) == []


def test_each_class_has_a_log_and_each_log_a_test() -> None:
    logs = {path.stem for path in LOGS.glob("*.log")}
    tested = {row[0] for row in [*ENDS, *TRAPS, *REFUSALS]}
    tested |= {f"hang-{row.name}" for row in HANGS} | {f"concern-{row.name}" for row in CONCERNS}
    assert logs == tested
    assert {row.name for row in FAILURES} == {name.partition("-")[0] for name, *_rest in ENDS}
    assert {row.name for row in ENGINE_FAILURES} <= {name.split("-")[1] for name, *_rest in REFUSALS}


def test_each_row_can_be_reached() -> None:
    """Of a class with several rows, each has a log that only it, or it first, fits."""
    ends = ["\n".join(log(row[0])) for row in [*ENDS, *REFUSALS]]
    for row in [*FAILURES, *ENGINE_FAILURES]:
        assert any(re.search(row.pattern, text, re.MULTILINE) for text in [*ends, *OTHERS]), row


# Texts of rows whose class has its logs in another wording.
OTHERS = [
    "huggingface_hub.errors.RevisionNotFoundError: 404 Client Error.",
    "ValueError: World size (8) is larger than the number of available GPUs",
    "  Value error, banana. [type=value_error, input_value=1]",
    "driver failed programming external connectivity on endpoint x: address in use",
]


@pytest.mark.parametrize(
    ("text", "name"), list(zip(OTHERS, ["revision_not_found", "world_size", "refused_configuration"]))
)
def test_other_wordings(text: str, name: str) -> None:
    assert diagnose(text.split("\n"), 1).name == name


ROWS: list[Failure] = [*FAILURES, *ENGINE_FAILURES, *HANGS, *CONCERNS, *EXITS]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{number}" for number, row in enumerate(ROWS)])
def test_rows_are_whole(row: Failure) -> None:
    groups = {"line", "model", "port", *re.compile(row.pattern).groupindex}
    named = re.findall(r"(?<!\{)\{(\w+)\}(?!\})", row.cause + row.remedy)
    assert set(named) <= groups
    assert re.fullmatch(r"[a-z0-9_]+", row.name) and row.cause and row.remedy and row.seen
    assert not row.facts or re.fullmatch(r"\d+\.\d+", row.facts)
    assert row.remedy[-1] != "." and row.cause[-1] != "."


def test_the_cause_stands_above_vllms_summary() -> None:
    lines = [
        f"{W}Traceback (most recent call last):",
        f"{W}frob.FrobError: the frob is gone",
        "Traceback (most recent call last):",
        SUMMARY,
        "KeyboardInterrupt: after",
    ]
    found = diagnose(lines, 1)
    assert (found.name, found.cause) == ("unknown", "frob.FrobError: the frob is gone")


def test_the_last_exception_counts() -> None:
    assert diagnose(["ValueError: first", "KeyError: 'second'"], 1).cause == "KeyError: 'second'"


def test_the_process_that_failed_first_counts() -> None:
    first = "(Worker_TP3 pid=43) ERROR 11-22 15:28:53 [x.py:1] OSError: [Errno 28] No space left on device: '/a'"
    later = "(Worker_TP0 pid=40) ERROR 11-22 15:28:54 [x.py:1] PermissionError: [Errno 13] Permission denied: '/b'"
    assert diagnose([first, later, SUMMARY], 1).name == "disk_full"
    assert diagnose([later, first, SUMMARY], 1).name == "permission"


GOES_ON = [
    # The same process goes on; another one; it only says that it ends; it goes on, but there is no other cause.
    ("(APIServer pid=1) INFO 11-22 15:28:54 [x.py:1] Using max model len 4096", 0, "unknown"),
    ("(Worker pid=9) INFO 11-22 15:28:54 [x.py:1] Using max model len 4096", 0, "permission"),
    ("(APIServer pid=1) INFO 11-22 15:28:54 [x.py:1] [shutdown] MPClient: complete", 0, "permission"),
    ("INFO:     127.0.0.1:1 - 'GET /health HTTP/1.1' 503 Service Unavailable", 0, "permission"),
    (f"(APIServer pid=1) INFO 11-22 15:28:54 [x.py:1] Using max model len 4096\n{SUMMARY}", 1, "permission"),
]


@pytest.mark.parametrize(("line", "exit_code", "name"), GOES_ON)
def test_what_a_process_outlives_is_not_its_end(line: str, exit_code: int, name: str) -> None:
    error = "(APIServer pid=1) ERROR 11-22 15:28:53 [x.py:1] PermissionError: [Errno 13] Permission denied: '/x'"
    assert diagnose([error, *line.split("\n")], exit_code).name == name


@pytest.mark.parametrize(
    ("exit_code", "name", "text"),
    [
        (0, "unknown", "exit code 0"),
        (126, "program_not_executable", "126"),
        (127, "no_such_program", "127"),
        (132, "illegal_instruction", "processor"),
        (134, "aborted", "SIGABRT"),
        (135, "shared_memory", "SIGBUS"),
        (137, "killed", "SIGKILL"),
        (139, "segmentation_fault", "segmentation"),
        (143, "terminated", "SIGTERM"),
        (9, "unknown", "exit code 9"),
        (None, "unknown", "exit code None"),
    ],
)
def test_silent_ends(exit_code: int | None, name: str, text: str) -> None:
    found = diagnose(["hello"], exit_code)
    assert (found.name, text in found.cause) == (name, True), found


@pytest.mark.parametrize(("exit_code", "name"), [(0, "terminated"), (137, "killed")])
def test_a_server_that_was_told_to_end_did_not_end_by_itself(exit_code: int, name: str) -> None:
    lines = [
        "(APIServer pid=1) INFO 11-28 01:54:41 [launcher.py:254] [shutdown] API server: shutdown triggered",
        "INFO:     Shutting down",
    ]
    found = diagnose(lines, exit_code)
    assert (found.name, "docker events" in found.remedy) == (name, True), found


def test_the_kernels_killer_comes_first() -> None:
    found = diagnose(["CUDA out of memory"], 137, oom_killed=True)
    assert found.name == "out_of_memory" and "kernel" in found.cause


def test_long_causes_are_cut() -> None:
    assert len(diagnose(["ValueError: " + "x" * 9000], 1).cause) == 300


def test_colours_do_not_matter() -> None:
    line = "\x1b[0;36m(EngineCore pid=7)\x1b[0;0m ERROR 11-22 15:28:53 [core.py:9] RuntimeError: CUDA out of memory."
    assert diagnose([line], 1).name == "gpu_out_of_memory"
