from __future__ import annotations

import re

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose, diagnose_hang, diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import ENGINE_FAILURES, FAILURES, HANGS

W = "(Worker pid=40) ERROR 11-22 15:28:53 [multiproc_executor.py:953] "
SUMMARY = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"

# Lines of real failures of vLLM 0.22.1 and 0.32.0 first, then lines rebuilt from the sources.
LOGS: list[tuple[str, str, str]] = [
    ("vllm: error: unrecognized arguments: --no-such-flag", "unknown_flag", "--no-such-flag"),
    ("vllm serve: error: argument --max-num-seqs: invalid int value: 'banana'", "bad_value", "'banana'"),
    ("vllm serve: error: argument --dtype: invalid choice: 'float7' (choose from 'auto')", "bad_value", "--dtype"),
    (
        f"{W}RuntimeError: Insufficient space in /dev/shm for shared-memory allocation: 240 MiB required, 192 MiB "
        "free. Increase /dev/shm (e.g. --shm-size or --ipc=host).",
        "shared_memory",
        "240 MiB required, 192 MiB free",
    ),
    ("OSError: [Errno 98] Address already in use", "port_in_use", "taken"),
    ("RuntimeError: Failed to infer device type, please set", "no_device", "no GPU"),
    (
        "  Value error, Total number of attention heads (4) must be divisible by tensor parallel size (16). "
        "[type=value_error, input_value=ArgsKwargs((), {'model_co... 0}), input_type=ArgsKwargs]",
        "not_divisible",
        "divide the model: Total number of attention heads (4)",
    ),
    (
        "  Value error, User-specified max_model_len (999999999) is greater than the derived max_model_len "
        "(max_position_embeddings=131072.0 or model_max_length=None in model's config.json). To allow",
        "model_length",
        "999999999 is more than the model allows (131072)",
    ),
    (
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for",
        "model_not_cached",
        "cache",
    ),
    (
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name': '/nonexistent/model'.",
        "model_not_found",
        "no such model",
    ),
    (
        "ValueError: Unknown vLLM environment variable detected: VLLM_USE_FLASHINFER_MXFP4_MOE",
        "dead_variable",
        "VLLM_USE_FLASHINFER_MXFP4_MOE",
    ),
    (
        f"{W}NotImplementedError: No MXFP4 MoE backend supports the deployment configuration. weight_key=k",
        "moe_backend",
        "kernel",
    ),
    ("(APIServer pid=613) ModuleNotFoundError: No module named 'humming'", "missing_module", "humming"),
    (
        "pydantic_core._pydantic_core.ValidationError: 1 error for X\n  Value error, banana. [type=value_error",
        "refused_configuration",
        "banana.",
    ),
    (
        "gpu_memory_utilization\n  Input should be less than or equal to 1 [type=less_than_equal, input_value=1.5]",
        "refused_configuration",
        ": Input should be less than or equal to 1",
    ),
    (
        f"{W}torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found in torch._inductor",
        "no_compiler",
        "compiler",
    ),
    ("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", "engine_died", "engine's process"),
    ("openai_harmony.HarmonyError: error downloading or loading vocab file: x", "vocabulary_offline", "vocabulary"),
    (
        "ValueError: Free memory on device cuda:0 (20.1/178.36 GiB) on startup is less than desired GPU memory",
        "free_memory",
        "20.1/178.36 GiB",
    ),
    ("ValueError: No available memory for the cache blocks. Try increasing", "no_kv_room", "KV cache"),
    (
        "ValueError: 16 GiB KV cache is needed, which is larger than the available KV cache memory (3 GiB).",
        "no_kv_room",
        "KV cache",
    ),
    (
        "ValueError: World size (8) is larger than the number of available GPUs (4) in this node.",
        "world_size",
        "8 GPUs",
    ),
    ("AssertionError: Attention sink heads must be divisible by tp_size", "not_divisible", "Attention sink heads"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.", "gpu_out_of_memory", "memory"),
    ("RuntimeError: CUDA error: system not yet initialized", "fabric_not_ready", "802"),
    (
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "no_kernel_image",
        "kernels",
    ),
    ("RuntimeError: The NVIDIA driver on your system is too old (found version 12080).", "driver_too_old", "driver"),
    ("huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: x)", "model_refused", "refuses"),
    ("huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.", "model_not_found", "no such model"),
    ("OSError: [Errno 28] No space left on device: '/root/.cache/x'", "disk_full", "full"),
    ("PermissionError: [Errno 13] Permission denied: '/root/.cache/x'", "permission", "/root/.cache/x"),
    (
        "expected an API key in /run/secrets/vllm_api_key, could not read one",
        "api_key_unreadable",
        "cannot be read",
    ),
]


@pytest.mark.parametrize(("text", "name", "cause"), LOGS, ids=[f"{row[1]}-{n}" for n, row in enumerate(LOGS)])
def test_log_rows(text: str, name: str, cause: str) -> None:
    lines = ["(APIServer pid=1) INFO 11-22 15:24:58 [utils.py:344] version 0.32.0", *text.split("\n"), "", SUMMARY]
    found = diagnose(lines, 1)
    assert (found.name, cause in found.cause) == (name, True), found
    assert found.remedy and "{" not in found.cause + found.remedy


def test_each_row_has_a_test() -> None:
    assert {row.name for row in FAILURES} == {name for _text, name, _cause in LOGS}


ENGINE_TEXTS = [
    ('could not select device driver "" with capabilities: [[gpu]]', "toolkit_missing"),
    ('could not select device driver "cdi" with capabilities: []', "cdi_device_missing"),
    ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9", "cdi_device_missing"),
    ("nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update", "driver_too_old"),
    ("Bind for 127.0.0.1:8000 failed: port is already allocated", "port_allocated"),
    ("manifest for vllm/vllm-openai:none not found: manifest unknown: manifest unknown", "engine_image"),
    ("pull access denied for x, repository does not exist or may require 'docker login'", "engine_image"),
    (
        'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
        "registry_unreachable",
    ),
    ('exec: "vllm": executable file not found in $PATH: unknown', "no_such_program"),
    ("write /var/lib/docker/tmp/x: no space left on device", "disk_full"),
    ("something new", "unknown"),
]


@pytest.mark.parametrize(("text", "name"), ENGINE_TEXTS, ids=[f"{row[1]}-{n}" for n, row in enumerate(ENGINE_TEXTS)])
def test_engine_rows(text: str, name: str) -> None:
    found = diagnose_text(text)
    assert found.name == name and found.remedy
    assert name != "unknown" or found.cause == text


def test_names_are_unique_and_patterns_compile() -> None:
    rows = [*FAILURES, *ENGINE_FAILURES, *HANGS]
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        groups = re.compile(row.pattern).groupindex
        assert set(re.findall(r"\{(\w+)\}", row.cause + row.remedy)) <= set(groups)


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


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [(0, "exit code 0"), (137, "SIGKILL"), (139, "segmentation"), (9, "exit code 9"), (None, "exit code None")],
)
def test_silent_ends(exit_code: int | None, text: str) -> None:
    assert text in diagnose(["hello"], exit_code).cause


def test_the_kernels_killer_comes_first() -> None:
    found = diagnose(["CUDA out of memory"], 137, oom_killed=True)
    assert found.name == "out_of_memory" and "kernel" in found.cause


def test_hangs() -> None:
    known = diagnose_hang("engine", ["INFO vLLM is using nccl==2.28.9", ""], "healthy: refused")
    assert known.name == "hangs_in_nccl" and "Fabric" in known.remedy and "healthy: refused" in known.cause
    other = diagnose_hang("compile", [], "healthy: refused")
    assert other.name == "hangs_in_compile" and "nothing" in other.cause


def test_long_causes_are_cut() -> None:
    assert len(diagnose(["ValueError: " + "x" * 9000], 1).cause) == 300
