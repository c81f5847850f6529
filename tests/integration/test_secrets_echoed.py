# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server or a proxy that repeats the key or the token in what it refuses with: nothing of it is told on."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import io
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection, Endpoint
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_fingerprint
from conftest import MODEL, forget_warnings
from hub_harness import Hub, hf_model_run
from secrets_harness import Canary, found_in
from smoke_client import smoke

KEY = Canary("key")
# What is sent after the Authorization header was read, letter by letter.
REPLIES: dict[str, Callable[[str], bytes]] = {
    "plain": lambda key: f"HTTP/1.1 401 No\r\n\r\nwrong header: Authorization: Bearer {key}".encode(),
    "JSON": lambda key: b"HTTP/1.1 500 No\r\n\r\n" + json.dumps({"error": {"message": f"bad: {key}"}}).encode(),
    "JSON in 200": lambda key: b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"error": {"message": f"bad: {key}"}}).encode(),
    "list": lambda key: b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"data": [{"id": key}]}).encode(),
    "URL": lambda key: f"HTTP/1.1 502 No\r\n\r\n/login?key={quote(key, safe='')}".encode(),
    "base64": lambda key: b"HTTP/1.1 502 No\r\n\r\n" + b64encode(key.encode()),
    "status line": lambda key: f"Bearer {key}\r\n\r\n".encode(),
    "reason": lambda key: f"HTTP/1.1 401 {key}\r\n\r\n".encode(),
    "header": lambda key: f"HTTP/1.1 307 Go\r\nLocation: /login?key={key}\r\nRetry-After: {key}\r\n\r\n".encode(),
    "events": lambda key: (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: "
        + json.dumps({"error": {"message": f"bad: {key}"}}).encode()
        + b"\n\n"
    ),
}


@pytest.fixture(params=REPLIES)
def echo(request: pytest.FixtureRequest) -> Iterator[int]:
    """A server that repeats the key in one way; yields its port."""
    reply = REPLIES[request.param]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.wfile.write(reply(self.headers.get("Authorization", "").removeprefix("Bearer ")))
            self.close_connection = True

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    (tmp_path / "key").write_text(KEY.value)
    return str(tmp_path / "key")


def test_the_smoke_test_tells_no_key(echo: int, key_file: str) -> None:
    result = smoke(f"http://127.0.0.1:{echo}/v1", api_key_file=key_file, compare_efforts=False)
    assert result["failed"]
    assert not found_in(json.dumps(result).encode(), "result", [KEY]), result


def test_the_fingerprint_tells_no_key(echo: int, key_file: str) -> None:
    forget_warnings()
    output = io.StringIO()
    arguments = {"base_url": f"http://127.0.0.1:{echo}/v1", "model": MODEL, "api_key_file": key_file, "timeout": 5}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        vllm_fingerprint.main()
    assert json.loads(output.getvalue())["failed"]
    assert not found_in(output.getvalue().encode(), "result", [KEY]), output.getvalue()


def test_the_client_of_evals_tells_no_key(echo: int) -> None:
    async def ask() -> str:
        connection = Connection(Endpoint.parse(f"http://127.0.0.1:{echo}/v1"), KEY.value)
        try:
            return repr(await connection.get("/v1/models", 5))
        except Exception as exc:
            return repr(exc)
        finally:
            connection.close()

    said = asyncio.run(ask())
    assert not found_in(said.encode(), "reply", [KEY]), said


@pytest.mark.parametrize("status", [401, 403, 400, 500])
@pytest.mark.parametrize("written", [str, lambda text: quote(text, safe=""), json.dumps])
def test_the_hub_tells_no_token(
    status: int, written: Callable[[str], str], hub: Hub, tmp_path: Path, impatient: None
) -> None:
    token = Canary("token")
    (tmp_path / "token").write_text(token.value)
    hub.fault("status", status=status, error_code="Refused", message=f"unknown: {written(token.value)}")
    result = hf_model_run(
        tmp_path / "hub", endpoint=hub.endpoint, token_file=str(tmp_path / "token"), retries=1, stall_timeout=5
    )
    assert result["failed"]
    assert not found_in(json.dumps(result).encode(), "result", [token]), result
