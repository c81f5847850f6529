# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both parts of this bench share: the questions, the call of the eval's client, a command that must end well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_TESTS / "acceptance/gpu"), str(_TESTS / "bench/evals")]
from clients import OURS  # noqa: E402
from measure import COLLECTIONS  # noqa: E402

QUESTIONS = _TESTS / "acceptance/vllm/files/gpqa.csv"


def client_command(
    base_url: str, model: str, folder: str, n_repeats: int, concurrency: int, max_tokens: int
) -> list[str]:
    """Return the call of the eval's client that asks what load.bench_command has `vllm bench serve` ask."""
    told = {
        "server": "bench", "base_url": f"{base_url}/v1", "model": model, "tasks": ["gpqa"],
        "reasoning_efforts": ["low"], "n_repeats": n_repeats, "concurrency": concurrency, "max_tokens": max_tokens,
        "sampler": "chat_completions", "data": {"gpqa": [str(QUESTIONS)]}, "run_path": f"{folder}/run",
    }  # fmt: skip
    return [sys.executable, "-c", OURS, str(COLLECTIONS), json.dumps(told)]


def said(command: list[str], **environment: str) -> str:
    """Return what a command printed. SystemExit with the end of it when it does not end well."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command[:3]} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout
