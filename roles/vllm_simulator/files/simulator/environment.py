# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment, what `vllm collect-env` prints, in the shape of the real one, marked as simulated."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD")
_SHOWN = ("VLLM_", "CUDA", "NCCL_", "TORCH", "LD_LIBRARY_PATH", "HF_", "NVIDIA_")


def report(version: str, environment: Mapping[str, str]) -> str:
    """Return the whole report."""
    sections = (
        ("System Info", _system()),
        (
            "PyTorch Info",
            ["PyTorch version              : N/A (simulated)", "CUDA used to build PyTorch   : N/A (simulated)"],
        ),
        (
            "Python Environment",
            [_row("Python version", sys.version.replace("\n", "")), _row("Python platform", platform.platform())],
        ),
        (
            "CUDA / GPU Info",
            [_row("Is CUDA available", "False (simulated: no GPU is used)"), _row("Nvidia driver version", "N/A")],
        ),
        ("CPU Info", [_wide("Architecture", platform.machine()), _wide("CPU(s)", str(os.cpu_count()))]),
        ("Versions of relevant libraries", ["[pip3] none (simulated)", "[conda] Could not collect"]),
        ("vLLM Info", _vllm(version)),
        ("Environment Variables", _variables(environment)),
    )
    return "Collecting environment information...\n" + "\n".join(_section(title, lines) for title, lines in sections)


def _section(title: str, lines: list[str]) -> str:
    rule = "=" * 30
    return "\n".join([rule, title.center(30).rstrip(), rule, *lines, ""])


def _row(name: str, value: str) -> str:
    return f"{name:<29}: {value}"


def _wide(name: str, value: str) -> str:
    return f"{name + ':':<41}{value}"


def _system() -> list[str]:
    release = Path("/etc/os-release")
    lines = release.read_text(encoding="utf-8").splitlines() if release.exists() else []
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    system = f"{names[0] if names else 'Linux'} ({platform.machine()})"
    library = "-".join(platform.libc_ver()) or "Could not collect"
    return [_row("OS", system), _row("GCC version", "Could not collect"), _row("Libc version", library)]


def _vllm(version: str) -> list[str]:
    return [
        "ROCM Version                 : Could not collect",
        f"vLLM Version                 : {version}+simulator",
        "vLLM Build Flags:",
        "  CUDA Archs: Not Set; ROCm: Disabled; XPU: Disabled",
        "GPU Topology:",
        "  Could not collect",
    ]


def _variables(environment: Mapping[str, str]) -> list[str]:
    shown = {name: value for name, value in environment.items() if name.startswith(_SHOWN) and name != "VLLM_SIMULATOR"}
    return [f"{name}={value}" for name, value in shown.items() if not any(word in name for word in _SECRETS)]
