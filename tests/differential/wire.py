"""Both clients on the wire: a loopback server that keeps what it is asked, the reference's own command, and our job."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import gpt_oss.evals.__main__ as reference_command
import reference

COLLECTIONS = Path(__file__).resolve().parents[2] / ".ansible" / "collections"
MODEL = "openai/gpt-oss-20b"
EFFORTS = ("low", "medium", "high")

# Path and body of a request -> status and document of its reply.
Answer = Callable[[str, Mapping[str, Any]], tuple[int, Any]]

_OURS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_control import finish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
print(json.dumps(finish(EvalSpec.from_params(defaults | json.loads(sys.argv[2])), False, 240)["scores"]))
"""


class Recorder:
    """A server of one model; ``requests`` counts what was posted, as path and body with sorted keys."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"recorder": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def reply(self, path: str, body: bytes) -> tuple[int, Any]:
        document = json.loads(body)
        with self.lock:
            self.requests[path, json.dumps(document, sort_keys=True)] += 1
        return self.answer(path, document)


class _Handler(BaseHTTPRequestHandler):
    recorder: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        pages = {
            "/health": {},
            "/version": {"version": "0.32.0"},
            "/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 131072}]},
        }
        self._send(200 if self.path in pages else 404, pages.get(self.path, {"detail": "Not Found"}))

    def do_POST(self) -> None:
        assert self.headers["Content-Type"] == "application/json"
        self._send(*self.recorder.reply(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

    def _send(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def recorder(answer: Answer) -> Iterator[Recorder]:
    found = Recorder(answer)
    found.server.daemon_threads = True
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join()


def run_reference(
    url: str, sampler: str, data: Mapping[str, Sequence[str]], folder: Path
) -> dict[tuple[str, str], float]:
    """Run ``python -m gpt_oss.evals`` as the recipe does; return each task's and effort's score as it printed it."""
    arguments = [
        "gpt_oss.evals", "--model", MODEL, "--eval", ",".join(data), "--base-url", url, "--sampler", sampler,
        "--reasoning-effort", ",".join(EFFORTS), "--temperature", "1.0", "--n-threads", "8",
    ]  # fmt: skip

    def opened(path: str, *options: Any) -> Any:
        return builtins.open(str(path).replace("/tmp", str(folder)), *options)

    with (
        reference.local_files([path for paths in data.values() for path in paths]),
        mock.patch.object(sys, "argv", arguments),
        mock.patch.object(reference_command, "open", opened, create=True),
        mock.patch.dict("os.environ", {"OPENAI_API_KEY": "none"}),
    ):
        merged = reference_command.main()
    return {(row["eval_name"], row["model_name"].split("_temp")[0].rpartition("-")[2]): row["metric"] for row in merged}


def run_ours(url: str, sampler: str, data: Mapping[str, Sequence[str]], folder: Path) -> list[dict[str, Any]]:
    """Run our job in a process of its own; return its score rows."""
    options = {
        "server": "wire", "base_url": url, "model": MODEL, "tasks": list(data), "sampler": sampler, "data": data,
        "concurrency": 8, "retry_timeout": 5, "run_path": str(folder / "run"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _OURS, str(COLLECTIONS), json.dumps(options)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert isinstance(rows, list)
    return rows
