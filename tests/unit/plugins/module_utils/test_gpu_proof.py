"""The command that tries GPUs in a container, and what its outcomes mean."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _gpu_proof_script
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cuda_errors import CUDA_CAUSES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_proof import (
    diagnose_engine,
    driver_version,
    gpu_arguments,
    judge,
    parse_report,
    proof_of,
    run_command,
)

PARAMS = {
    "image": "vllm/vllm-openai:v0.33.0",
    "gpus": "all",
    "gpu_access": "device_requests",
    "python": "python3",
    "timeout": 120,
    "docker_command": "docker",
    "docker_host": "unix:///var/run/docker.sock",
}


def device(index: int, error: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "index": index,
        "uuid": f"GPU-{index}",
        "name": "NVIDIA B200",
        "compute_capability": "10.0",
        "memory_mib": 183359,
        "error": error,
    }


def report(count: int = 8, **changes: Any) -> dict[str, Any]:
    base = {
        "gpu_proof": 1,
        "stage": "done",
        "error": None,
        "cuda_version": "13.0",
        "devices": [device(index) for index in range(count)],
        "nodes": ["nvidia0", "nvidiactl"],
        "environment": {},
        "nvml": None,
        "seconds": 1.5,
    }
    return {**base, **changes}


def error(stage: str, code: int | None, name: str = "", text: str = "") -> dict[str, Any]:
    return {"stage": stage, "code": code, "name": name, "text": text}


@pytest.mark.parametrize(
    ("gpus", "access", "arguments"),
    [
        ("all", "device_requests", ["--gpus", "all"]),
        ("0,3", "device_requests", ["--gpus", '"device=0,3"']),
        ("all", "cdi", ["--device=nvidia.com/gpu=all"]),
        ("0,3", "cdi", ["--device=nvidia.com/gpu=0", "--device=nvidia.com/gpu=3"]),
        ("0,3", "device_nodes", []),
    ],
)
def test_gpus_are_asked_for_as_servers_ask(gpus: str, access: str, arguments: list[str]) -> None:
    assert gpu_arguments(gpus, access) == arguments


def test_command() -> None:
    command = run_command(PARAMS, "NAME")
    assert command[:3] == ["timeout", "--kill-after=10", "180"]
    assert command[3:6] == ["docker", "--host=unix:///var/run/docker.sock", "run"]
    assert command[-5:-2] == ["--entrypoint=python3", PARAMS["image"], "-c"]
    assert command[-2] == Path(_gpu_proof_script.__file__).read_text(encoding="utf-8")
    assert command[-1] == "120"
    # The kernel's limit for one argument is 128 KiB.
    assert len(command[-2]) < 32768


def test_device_nodes_and_the_drivers_libraries_are_given_to_the_container() -> None:
    given = {"gpu_access": "device_nodes", "devices": ["/dev/nvidia0"], "volumes": ["/driver:/usr/local/nvidia:ro"]}
    command = run_command({**PARAMS, **given}, "NAME")
    assert command[8:12] == [
        "--network=none",
        "--device=/dev/nvidia0",
        "--volume=/driver:/usr/local/nvidia:ro",
        "--entrypoint=python3",
    ]


def test_all_is_well() -> None:
    assert judge(report(), 8, [f"GPU-{index}" for index in range(8)]) == []
    proof = proof_of(report(), PARAMS, "580.95.05")
    assert (proof["count"], proof["driver_version"], proof["cuda_version"]) == (8, "580.95.05", "13.0")
    assert proof["compute_capabilities"] == ["10.0"] * 8
    assert proof["devices"][7] == {
        "index": 7,
        "uuid": "GPU-7",
        "name": "NVIDIA B200",
        "compute_capability": "10.0",
        "memory_mib": 183359,
        "ok": True,
    }


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        (
            {"error": error("cuInit", 802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"), "devices": []},
            "fabric_not_ready",
            ["CUDA error 802", "nvidia-fabricmanager", "nvlsm", "ib_umad"],
        ),
        (
            {"error": error("cuInit", 803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "mismatch"), "devices": []},
            "driver_mismatch",
            ["803", "reboot"],
        ),
        ({"error": error("cuInit", 100, "CUDA_ERROR_NO_DEVICE", "no device"), "devices": []}, "no_device", ["100"]),
        (
            {"error": error("cuInit", 999, "CUDA_ERROR_UNKNOWN", "unknown error"), "devices": []},
            "unknown",
            ["uvm_disable_hmm=1", "nokaslr"],
        ),
        (
            {
                "error": error("cuInit", 999, "CUDA_ERROR_UNKNOWN", "unknown error"),
                "nvml": {"code": 999, "text": "Unknown Error"},
            },
            "unknown",
            ["Failed to initialize NVML: Unknown Error"],
        ),
        ({"error": error("cuInit", 719, "X", "y")}, "cuda_error", ["cuInit: CUDA error 719 X (y)"]),
        (
            {
                "error": error(
                    "load", None, "", "libcuda.so.1: cannot open shared object file: No such file or directory"
                )
            },
            "libcuda_missing",
            ["compute,utility", "nvidia0, nvidiactl"],
        ),
        ({"error": error("load", None, "", "libcuda.so.1: file too short")}, "libcuda_broken", ["file too short"]),
        ({"error": error("context 3", None, "timeout", "no answer")}, "timeout", ["context 3", "no answer"]),
        ({"error": error("cuInit", None, "died", "the process died")}, "died", ["cuInit"]),
        (
            {"devices": [device(0), device(1, error("cuDevicePrimaryCtxRetain", 46, "CUDA_ERROR_DEVICE_UNAVAILABLE"))]},
            "gpu_busy",
            ["GPU 1 GPU-1", "-c DEFAULT"],
        ),
        (
            {"devices": [device(0, error("cuMemAlloc_v2", 2, "CUDA_ERROR_OUT_OF_MEMORY")), device(1)]},
            "out_of_memory",
            ["GPU 0 GPU-0", "nvidia-smi"],
        ),
        ({"devices": [device(1)]}, "gpus_missing", ["1 of 2 GPUs", "not there: GPU-0"]),
        ({"devices": [device(0), device(1), device(2)]}, "gpus_too_many", ["3 of 2"]),
        ({"devices": []}, "no_device", ["2 are expected", "GPU-0, GPU-1"]),
    ],
)
def test_causes_seen_in_the_container(changes: dict[str, Any], name: str, words: list[str]) -> None:
    problems = judge(report(2, **changes), 2, ["GPU-0", "GPU-1"])
    assert [problem.name for problem in problems] == [name]
    text = f"{problems[0].cause}; {problems[0].remedy}"
    assert all(word in text for word in words), text


def test_at_least_one_is_enough_where_no_number_is_known() -> None:
    assert judge(report(3), 0, []) == []
    assert [problem.name for problem in judge(report(0), 0, [])] == ["no_device"]


def test_all_bad_devices_are_named() -> None:
    busy = error("cuDevicePrimaryCtxRetain", 46, "CUDA_ERROR_DEVICE_UNAVAILABLE")
    problems = judge(report(devices=[device(0, busy), device(1, busy), device(2)]), 8, [])
    assert [problem.name for problem in problems] == ["gpu_busy", "gpu_busy", "gpus_missing"]


# What docker run says; where the texts come from is told in _gpu_proof_causes.
OCI = (
    "docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running hook #0: error running hook: exit "
    "status 1, stdout: , stderr: Auto-detected mode as 'legacy'\n"
)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (
            'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
            "toolkit_unknown_to_engine",
            ["restart the engine"],
        ),
        (
            'docker: Error response from daemon: could not select device driver "cdi" with capabilities: [].',
            "cdi_switched_off",
            ["features.cdi"],
        ),
        (
            "docker: Error response from daemon: error gathering device information while adding custom device "
            '"nvidia.com/gpu=all": no such file or directory.',
            "cdi_switched_off",
            ["device_requests"],
        ),
        (
            "docker: nvidia.com/gpu=all is not an absolute path.\nSee 'docker run --help'.",
            "cdi_switched_off",
            ["an older one knows none", "device_requests"],
        ),
        (
            "Error response from daemon: CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
            "cdi_device_missing",
            ["names nvidia.com/gpu=all", "nvidia-ctk cdi generate"],
        ),
        (
            f"{OCI}nvidia-container-cli: initialization error: nvml error: driver/library version mismatch: unknown.",
            "driver_mismatch",
            ["reboot"],
        ),
        (
            f"{OCI}nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown.",
            "driver_not_loaded",
            ["nvidia-smi on the host"],
        ),
        (
            f"{OCI}nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open "
            "shared object file: no such file or directory: unknown.",
            "driver_libraries_missing",
            ["libnvidia-ml.so.1"],
        ),
        (f"{OCI}nvidia-container-cli: device error: 8: unknown device: unknown.", "gpu_unknown", ["no GPU 8"]),
        (
            f"{OCI}nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update",
            "driver_too_old",
            ["wants cuda>=13.0"],
        ),
        (
            f"{OCI}nvidia-container-cli: mount error: failed to add device rules: unknown.",
            "hook_failed",
            ["mount error: failed to add device rules"],
        ),
        ("Failed to initialize NVML: Unknown Error", "nvml_unusable", ["daemon-reload"]),
        (
            "docker: Error response from daemon: OCI runtime create failed: container_linux.go:380: starting container "
            'process caused: exec: "python3": executable file not found in $PATH: unknown.',
            "no_python",
            ["python3"],
        ),
        ("Error: No such image: vllm/vllm-openai:v0.33.0", "image_missing", ["docker load"]),
        (
            'exec: "nvidia-container-runtime-hook": executable file not found in $PATH',
            "hook_missing",
            ["packages again"],
        ),
        (
            "docker: Error response from daemon: unknown or invalid runtime name: nvidia.",
            "runtime_unknown",
            ["runtime configure"],
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "engine_unreachable",
            ["systemctl start docker"],
        ),
        ("Error response from daemon: manifest for x:1 not found", "engine_image", ["tag"]),
        ("dial tcp: lookup registry-1.docker.io: no such host", "registry_unreachable", ["docker load"]),
        ("something new", "unknown", ["something new"]),
    ],
)
def test_causes_that_docker_tells(text: str, name: str, words: list[str]) -> None:
    found = diagnose_engine(text, 125, 120)
    assert found.name == name
    assert all(word in f"{found.cause}; {found.remedy}" for word in words), found


def test_a_container_that_does_not_end() -> None:
    assert diagnose_engine("", 124, 120).name == "timeout"
    assert "180 seconds" in diagnose_engine("", 124, 120).cause
    assert "exit code 3" in diagnose_engine("", 3, 120).cause


def test_report_is_found_in_what_else_is_said() -> None:
    line = json.dumps(report())
    assert parse_report(f"== CUDA ==\n[1, 2]\n{line}\nbye\n") == report()
    assert parse_report('{"gpu_proof": 2}\nnothing') is None
    assert parse_report("") is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@host)\n",
            "580.95.05",
        ),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n", "535.183.01"),
        ("", None),
    ],
)
def test_driver_version(text: str, version: str | None) -> None:
    assert driver_version(text) == version


def test_each_known_code_has_a_name_of_its_own() -> None:
    names = [cause.name for cause in CUDA_CAUSES.values()]
    assert len(set(names)) == len(names)
    assert {2, 46, 100, 802, 803, 999} <= set(CUDA_CAUSES)


SCRIPT = Path(_gpu_proof_script.__file__)
# Enough of libcuda to see what the script calls. MODE says what goes wrong, GPUS how many there are.
LIBRARY = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int mode(const char *name) { const char *m = getenv("MODE"); return m && !strcmp(m, name); }
int cuInit(unsigned f) {
    if (mode("hang")) sleep(60);
    if (mode("crash")) abort();
    return mode("fabric") ? 802 : 0;
}
int cuDriverGetVersion(int *v) { *v = 12080; return 0; }
int cuDeviceGetCount(int *n) { *n = atoi(getenv("GPUS")); return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *t, int n, int d) { strncpy(t, "NVIDIA Test", n); return 0; }
int cuDeviceGetUuid(unsigned char *u, int d) { memset(u, 17 * (d + 1), 16); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { *n = (size_t)80 << 30; return 0; }
int cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? 10 : 3; return 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = &mode; return mode("busy") && d == 1 ? 46 : 0; }
int cuDevicePrimaryCtxRelease_v2(int d) { return 0; }
int cuCtxSetCurrent(void *c) { return c == &mode ? 0 : 201; }
int cuMemAlloc_v2(unsigned long long *p, size_t n) { *p = (unsigned long long)malloc(n); return 0; }
int cuMemFree_v2(unsigned long long p) { free((void *)p); return 0; }
int cuMemcpyHtoD_v2(unsigned long long p, const void *s, size_t n) { memcpy((void *)p, s, n); return 0; }
int cuMemcpyDtoH_v2(void *t, unsigned long long p, size_t n) {
    memcpy(t, (void *)p, n); if (mode("flip")) ((char *)t)[7] ^= 1; return 0;
}
int cuGetErrorName(int e, const char **t) { *t = "CUDA_ERROR_TEST"; return 0; }
int cuGetErrorString(int e, const char **t) { *t = "test"; return 0; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "cuda.c").write_text(LIBRARY)
    try:
        subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", folder / "cuda.c"], check=True)
    except FileNotFoundError:
        pytest.skip("no C compiler here: integration and Molecule run the script against a library, too")
    return folder


def run_script(library: Path, mode: str = "", gpus: int = 2, seconds: str = "20") -> dict[str, Any]:
    environment = {"LD_LIBRARY_PATH": str(library), "MODE": mode, "GPUS": str(gpus), "NVIDIA_VISIBLE_DEVICES": "all"}
    command = [sys.executable, "-c", SCRIPT.read_text(encoding="utf-8"), seconds]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found = parse_report(done.stdout)
    assert found is not None, done.stderr
    return found


def test_script_uses_each_gpu(library: Path) -> None:
    found = run_script(library)
    assert (found["error"], found["cuda_version"], found["stage"]) == (None, "12.8", "done")
    assert found["environment"] == {"NVIDIA_VISIBLE_DEVICES": "all"}
    assert found["devices"][1] == {
        "index": 1,
        "uuid": "GPU-22222222-2222-2222-2222-222222222222",
        "name": "NVIDIA Test",
        "compute_capability": "10.3",
        "memory_mib": 81920,
        "error": None,
    }


@pytest.mark.parametrize(
    ("mode", "seconds", "names"),
    [
        ("", "20", []),
        ("fabric", "20", ["fabric_not_ready"]),
        ("busy", "20", ["gpu_busy"]),
        ("flip", "20", ["cuda_error", "cuda_error"]),
        ("crash", "20", ["died"]),
        ("hang", "0.3", ["timeout"]),
    ],
)
def test_script_survives_what_goes_wrong(library: Path, mode: str, seconds: str, names: list[str]) -> None:
    assert [problem.name for problem in judge(run_script(library, mode, seconds=seconds), 2, [])] == names


def test_script_without_a_library(tmp_path: Path) -> None:
    assert [problem.name for problem in judge(run_script(tmp_path), 2, [])] == ["libcuda_missing"]
