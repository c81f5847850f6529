from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._collect_env import CollectEnvError, parse, slug
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import redact

FIXTURES = Path(__file__).parent / "fixtures" / "collect_env"
H200, CPU, B200 = "h200-0.22.1", "cpu-0.32.0", "b200x8-0.10.1"


def report(name: str) -> dict[str, Any]:
    return parse((FIXTURES / f"{name}.txt").read_text())


def at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        (H200, "vllm_version", "0.22.1"),
        (H200, "gpus", ["NVIDIA H200"]),
        (H200, "sections.system_info.os", "Ubuntu 24.04.3 LTS (x86_64)"),
        (H200, "sections.system_info.clang_version", None),
        (H200, "sections.pytorch_info.is_debug_build", False),
        (H200, "sections.cuda_gpu_info.is_cuda_available", True),
        (H200, "sections.cuda_gpu_info.nvidia_driver_version", "580.159.04"),
        (H200, "sections.cuda_gpu_info.cuda_module_loading_set_to", None),
        (H200, "sections.cpu_info.numa_node0_cpus", "0-15"),
        (H200, "sections.cpu_info.vulnerability_spec_store_bypass",
         "Mitigation; Speculative Store Bypass disabled via prctl"),
        (H200, "sections.vllm_info.vllm_build_flags", {"cuda_archs": "Not Set", "rocm": "Disabled", "xpu": "Disabled"}),
        (H200, "variables.VLLM_WORKER_MULTIPROC_METHOD", "spawn"),
        (CPU, "vllm_version", "0.32.0"),
        (CPU, "gpus", []),
        (CPU, "topology", []),
        (CPU, "sections.python_environment.python_platform", "Linux-6.18.44-cloud-x86_64-with-glibc2.36"),
        (CPU, "variables.VLLM_CPU_KVCACHE_SPACE", "1"),
        (B200, "vllm_version", "0.10.1+gptoss (git sha: 0123abcd)"),
        (B200, "gpus", ["NVIDIA B200"] * 8),
        (B200, "sections.cuda_gpu_info.nvidia_driver_version", "580.95.05"),
        (B200, "sections.cuda_gpu_info.cudnn_version", None),
        (B200, "sections.cpu_info.flags", "fpu vme de pse tsc msr pae mce"),
        (B200, "sections.cpu_info.numa_nodes", "2"),
        (B200, "sections.cpu_info.model_name", "Intel(R) Xeon(R) Platinum 8570"),
        (B200, "sections.vllm_info.neuron_sdk_version", None),
        (B200, "sections.vllm_info.vllm_build_flags.neuron", "Disabled"),
        (B200, "variables.NVIDIA_REQUIRE_CUDA", "cuda>=12.8 brand=unknown,driver>=470,driver<471"),
    ],
)  # fmt: skip
def test_values(name: str, path: str, value: Any) -> None:
    assert at(report(name), path) == value


def test_files_of_cudnn_are_a_list() -> None:
    files = report(H200)["sections"]["cuda_gpu_info"]["cudnn_version"]
    assert len(files) == 8 and files[0] == "/usr/lib/x86_64-linux-gnu/libcudnn.so.9.14.0"


def test_packages_of_both_managers() -> None:
    assert {"manager": "pip", "name": "torch", "version": "2.11.0"} in report(H200)["packages"]
    assert len(report(H200)["packages"]) == 32
    assert report(B200)["packages"][4:] == [
        {
            "manager": "pip",
            "name": "transformers",
            "version": "git+https://github.com/huggingface/transformers@0123abcd",
        },
        {"manager": "pip", "name": "triton", "version": "3.4.0"},
        {"manager": "conda", "name": "numpy", "version": "2.2.6"},
        {"manager": "conda", "name": "torch", "version": "2.8.0"},
    ]


def test_topology() -> None:
    rows = report(B200)["topology"]
    assert [row["device"] for row in rows] == [f"GPU{i}" for i in range(8)] + [f"NIC{i}" for i in range(8)]
    first, sixth, card = rows[0], rows[5], rows[9]
    assert first["links"]["GPU7"] == "NV18" and first["links"]["NIC0"] == "PIX" and "GPU0" not in first["links"]
    assert (sixth["cpu_affinity"], sixth["numa_affinity"], sixth["gpu_numa_id"]) == ("56-111,168-223", "1", None)
    assert card["links"]["GPU1"] == "PIX" and card["cpu_affinity"] is None
    assert report(H200)["topology"] == [
        {"device": "GPU0", "links": {}, "cpu_affinity": "0-15", "numa_affinity": "0", "gpu_numa_id": None}
    ]


def test_sections_that_no_version_has_yet_are_kept() -> None:
    rule = "=" * 20
    text = f"{rule}\n  New Accelerator\n{rule}\nShoe size    : 44\nModels       : \na: 1\nb: 2\n"
    assert parse(text)["sections"] == {"new_accelerator": {"shoe_size": "44", "models": ["a: 1", "b: 2"]}}
    assert parse(text.replace("\n", "\r\n"))["sections"]["new_accelerator"]["shoe_size"] == "44"


def test_a_variable_of_several_lines() -> None:
    text = (FIXTURES / "cpu-0.32.0.txt").read_text() + "CUDA_NOTE=a\n  b=c d\nTORCH_X=1\n"
    assert report(CPU)["variables"].items() <= parse(text)["variables"].items()
    assert parse(text)["variables"]["CUDA_NOTE"] == "a\n  b=c d"
    assert parse(text)["variables"]["TORCH_X"] == "1"


@pytest.mark.parametrize("name", [H200, CPU, B200])
def test_redaction_takes_nothing_from_a_report_without_secrets(name: str) -> None:
    text = (FIXTURES / f"{name}.txt").read_text()
    assert redact(text) == text


@pytest.mark.parametrize(
    "text", ["", "Collecting environment information...\n", "Traceback (most recent call last):\nx: y"]
)
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(CollectEnvError, match="titled sections"):
        parse(text)


def test_a_report_that_was_cut_off_tells_what_it_has() -> None:
    text = (FIXTURES / f"{H200}.txt").read_text()
    for length in range(400, len(text), 997):
        assert parse(text[:length])["sections"]["system_info"]["os"] == "Ubuntu 24.04.3 LTS (x86_64)"


@pytest.mark.parametrize(
    ("text", "key"),
    [("CPU(s)", "cpus"), ("On-line CPU(s) list", "on_line_cpus_list"), ("  CUDA / GPU Info", "cuda_gpu_info")],
)
def test_slug(text: str, key: str) -> None:
    assert slug(text) == key
