"""Starts of real vLLM that fail, each named by its class.

Two run at a time, since a start costs a core ten to forty seconds. run.sh runs this after test_acceptance.py, whose
deployment makes the environment that the modules run in. The Hub is one on loopback that answers with one status.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose
from fleet import IMAGE, MODEL, PORT, SERVER, STATE, docker, module, step

TINY = Path(os.environ["ACCEPTANCE_MODEL"])
BROKEN = STATE / "broken"
HF_CACHE = "/root/.cache/huggingface"
REVISION = "6cee5e81ee83917806bbde320786a8fb61efebee"
SERVE = ["--enforce-eager", "--dtype", "bfloat16", "--max-model-len", "4096"]


@dataclass(frozen=True)
class Case:
    """One start: what vllm_container is told, and what comes of it.

    `named` stands in the cause, `advised` in the remedy.
    """

    diagnosis: str
    exit_code: int
    named: str
    advised: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def folder(name: str, change: Callable[[Path], object]) -> str:
    """Make a copy of the tiny model with something wrong in it; return where the container finds it."""
    copy = BROKEN / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(TINY, copy)
    change(copy)
    return f"/models/{name}"


def of_another_kind(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "architectures": ["FrobForCausalLM"]}))
    (copy / "model.safetensors").unlink()


def cache_without_weights() -> str:
    """Make a Hub's cache as a download that broke off leaves it; return its folder on the host."""
    snapshot = BROKEN / "cache/hub/models--openai--gpt-oss-20b/snapshots" / REVISION
    shutil.rmtree(BROKEN / "cache", ignore_errors=True)
    shutil.copytree(TINY, snapshot, ignore=shutil.ignore_patterns("*.safetensors"))
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(REVISION)
    return str(BROKEN / "cache")


@contextlib.contextmanager
def hub(status: int, code: str) -> Iterator[str]:
    """A Hub that answers all with one status; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def cases() -> Iterator[list[Case]]:
    """All cases, the long ones first, and what they need."""
    truncated = folder("truncated", lambda copy: os.truncate(copy / "model.safetensors", 1_000_000))
    frob = folder("frob", of_another_kind)
    whole = folder("whole", lambda copy: None)
    host = {"network_mode": "host", "volumes": []}
    online = {"HF_HUB_OFFLINE": "0"}
    with contextlib.ExitStack() as stack:
        gated = stack.enter_context(hub(403, "GatedRepo"))
        empty = stack.enter_context(hub(404, "RepoNotFound"))
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cached = {"volumes": [f"{cache_without_weights()}:{HF_CACHE}"]}
        yield [
            Case(
                "model_incomplete",
                1,
                f"{MODEL} is in the cache, but not wholly",
                "hf_model",
                [MODEL, *SERVE],
                {},
                cached,
            ),
            Case("weights_corrupt", 1, "incomplete metadata", "hf_model", [truncated, *SERVE]),
            Case("shared_memory", 1, "64 MiB free", "shm_size", [whole, *SERVE], {}, {"shm_size": "64m"}),
            Case("bad_value", 2, "--dtype", "arguments", [whole, "--dtype", "float7"]),
            Case("model_length", 1, "(131072)", "max_model_len", [whole, "--max-model-len", "999999999"]),
            Case("not_divisible", 1, "(16)", "tensor_parallel_size", [whole, *SERVE, "--tensor-parallel-size", "16"]),
            Case("architecture_not_supported", 1, "FrobForCausalLM", "image", [frob, *SERVE]),
            Case(
                "dead_variable",
                1,
                "VLLM_USE_FLASHINFER_MXFP4_MOE",
                "moe_activation",
                [whole, *SERVE, "--fail-on-environ-validation"],
                {"VLLM_USE_FLASHINFER_MXFP4_MOE": "1"},
            ),
            Case("model_gated", 1, MODEL, "HF_TOKEN", [MODEL, *SERVE], {**online, "HF_ENDPOINT": gated}, host),
            Case("model_not_found", 1, "404", "HF_ENDPOINT", [MODEL, *SERVE], {**online, "HF_ENDPOINT": empty}, host),
            Case(
                "port_in_use",
                1,
                port,
                "ss -ltnp",
                [whole, *SERVE, "--host", "127.0.0.1", "--port", port],
                {},
                {"network_mode": "host"},
            ),
        ]
    shutil.rmtree(BROKEN, ignore_errors=True)


def start(number: int, case: Case) -> dict[str, Any]:
    """Run one case; return the module's result, with the container's own exit code."""
    name = f"{SERVER}-fails-{number}"
    wanted = {
        "name": name,
        "image": IMAGE,
        "pull": "never",
        "model": MODEL,
        "arguments": case.arguments,
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", **case.environment},
        "volumes": [f"{BROKEN}:/models:ro"],
        "port": PORT + 10 + number,
        "gpus": "none",
        "ipc_mode": "private",
        "shm_size": "1g",
        "timeout": 600,
        **case.options,
    }
    result = module("vllm_container", wanted, f"fails: {case.diagnosis}")
    result["ended"] = docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)
    docker("rm", "--force", name)
    return result


def test_starts_that_fail(cases: list[Case]) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(start, range(len(cases)), cases))
    step(f"{len(cases)} starts that fail", time.monotonic() - begun)
    for case, result in zip(cases, results):
        found = (result["diagnosis"], result["exit_code"], result["ended"])
        assert found == (case.diagnosis, case.exit_code, f"exited {case.exit_code}"), result["msg"]
        assert case.named in result["cause"], result["cause"]
        assert case.advised in result["remedy"], result["remedy"]


def test_weights_that_the_containers_user_may_not_read() -> None:
    """What vllm_container is not told here, the user, is given by hand."""
    model = folder("unreadable", lambda copy: (copy / "model.safetensors").chmod(0o600))
    name = f"{SERVER}-fails-user"
    begun = time.monotonic()
    command = ["docker", "run", "--name", name, "--user", "1000:1000", "--shm-size", "1g", "--env", "HF_HUB_OFFLINE=1"]
    command += ["--env", "VLLM_CPU_KVCACHE_SPACE=1", "--volume", f"{BROKEN}:/models:ro", IMAGE, model, *SERVE]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    docker("rm", "--force", name)
    found = diagnose(done.stdout.split("\n"), done.returncode)
    step(f"fails: {found.name}: {found.cause}", time.monotonic() - begun)
    assert (done.returncode, found.name) == (1, "weights_unreadable"), done.stdout[-4000:]
    assert "model.safetensors" in found.cause and "chmod" in found.remedy
