"""Each check of vllm_smoke fails by a fault that only it can see: simulated servers as processes of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MODEL, ROOT
from smoke_client import ANSWERS, failed, smoke, wait_until_listed

# A fault that hits the requests of one check, and the one check that fails by it.
SINGLE: list[tuple[str, dict[str, Any], str, str]] = [
    *((name, {"kind": "error_as_200"}, name, "an error in a reply of status 200") for name in ANSWERS),
    ("chat limit", {"kind": "error_as_200"}, "chat limit", "an error in a reply of status 200"),
    ("chat limit", {"kind": "no_limit"}, "chat limit", "it ended with 'stop'"),
    ("responses limit", {"kind": "no_limit"}, "responses limit", "it ended with 'stop'"),
    ("chat limit", {"kind": "usage", "counts": {"completion_tokens": 1}}, "chat limit", "8 tokens at most, found 9"),
    ("unknown model", {"kind": "error_as_200"}, "unknown model", "expected status 404"),
    ("bad JSON", {"kind": "error_as_200"}, "bad JSON", "expected status 400 to 499"),
    ("chat stream low", {"kind": "usage", "counts": {"prompt_tokens": 1}}, "chat prompt tokens", "72 as a stream"),
    ("responses high", {"kind": "usage", "counts": {"prompt_tokens": 1}}, "responses prompt tokens", "72 whole"),
    ("effort *", {"kind": "same_effort"}, "reasoning effort", "expected less at low than at high"),
    ("effort low 4", {"kind": "error_as_200"}, "reasoning effort", "1 of 20 replies were bad"),
    ("chat low", {"kind": "leak"}, "chat low", "no mark of a channel in the text"),
    ("responses stream low", {"kind": "leak"}, "responses stream low", "no mark of a channel in the text"),
    ("chat stream low", {"kind": "no_reasoning"}, "chat stream low", "expected reasoning, as"),
    ("responses low", {"kind": "no_reasoning"}, "responses low", "expected reasoning, as"),
    ("chat stream low", {"kind": "half"}, "chat stream low", "expected one finish reason"),
    ("responses stream low", {"kind": "half"}, "responses stream low", "expected response.completed at the end"),
    ("chat low", {"kind": "usage", "counts": {"total_tokens": 1}}, "chat low", "expected total_tokens to be the sum"),
    ("chat low", {"kind": "usage", "counts": {"reasoning_tokens": 999}}, "chat low", "to be a part of the reply's"),
    ("responses low", {"kind": "usage", "counts": {"completion_tokens": 999}}, "responses low", "to fit the reply's"),
    ("chat low", {"kind": "gibberish"}, "chat low", "expected 'Paris' in the answer"),
    ("responses low", {"kind": "empty"}, "responses low", "expected an answer, found no visible text"),
    ("chat low", {"kind": "length"}, "chat low", "expected the reply to end by itself"),
    ("responses low", {"kind": "truncated"}, "responses low", "no whole reply"),
    ("chat stream low", {"kind": "reset"}, "chat stream low", "no whole reply"),
    ("responses low", {"kind": "status", "status": 503}, "responses low", "status 503"),
]


@pytest.fixture
def serve(free_port: Callable[[], int]) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Start a server with a fault, and return its endpoint."""
    running: list[subprocess.Popen[bytes]] = []

    def run(fault: dict[str, Any]) -> str:
        port = free_port()
        settings = {"start_seconds": 0, "faults": [fault]}
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "simulator", "serve", MODEL, "--host", "127.0.0.1", "--port", str(port)],
                cwd=ROOT / "roles" / "vllm_simulator" / "files",
                env={**os.environ, "VLLM_SIMULATOR": json.dumps(settings)},
                stdout=subprocess.DEVNULL,
            )
        )
        endpoint = f"http://127.0.0.1:{port}/v1"
        wait_until_listed(endpoint)
        return endpoint

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("request_name", "fault", "check", "expected"), SINGLE, ids=[f"{row[0]}: {row[1]['kind']}" for row in SINGLE]
)
def test_exactly_one_check_fails(
    serve: Callable[[dict[str, Any]], str], request_name: str, fault: dict[str, Any], check: str, expected: str
) -> None:
    result = smoke(serve({**fault, "match": f"smoke/{request_name.replace(' ', '-')}/*"}))
    wrong = failed(result)
    assert list(wrong) == [check], wrong
    assert expected in wrong[check]
