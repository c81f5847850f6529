from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key

ROUTES: dict[str, tuple[int, str]] = {}
SEEN: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        SEEN.append({"path": self.path, "authorization": self.headers.get("Authorization", "")})
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        status, text = ROUTES.get(self.path, (404, '{"detail":"Not Found"}'))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    ROUTES.clear()
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Api(f"http://127.0.0.1:{server.server_address[1]}/v1", "k-123", timeout=2)
    server.shutdown()
    server.server_close()


def test_root_paths_and_api_paths(api: Api) -> None:
    ROUTES["/health"] = (503, "")
    ROUTES["/version"] = (200, '{"version":"0.32.0"}')
    ROUTES["/v1/models"] = (200, '{"object":"list","data":[{"id":"openai/gpt-oss-20b"}]}')
    assert api.health() == 503
    assert api.version() == "0.32.0"
    assert [model["id"] for model in api.models()] == ["openai/gpt-oss-20b"]
    assert {seen["authorization"] for seen in SEEN} == {"Bearer k-123"}


ERRORS = [
    ("status", 404, '{"error":{"message":"The model `nope` does not exist.","code":404}}', 404, "does not exist"),
    ("unauthorized", 401, '{"error":"Unauthorized"}', 401, "Unauthorized"),
    ("error in a good reply", 200, '{"error":{"message":"engine died","code":500}}', 500, "engine died"),
    ("old error shape", 200, '{"object":"error","message":"too long","code":400}', 400, "too long"),
    ("not JSON", 200, "<html>nginx</html>", 200, "expected JSON"),
    ("not an object", 200, "[]", 200, "expected a JSON object"),
]


@pytest.mark.parametrize(
    ("status", "body", "code", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_errors_are_caught_whatever_the_status(api: Api, status: int, body: str, code: int, text: str) -> None:
    ROUTES["/v1/chat/completions"] = (status, body)
    with pytest.raises(ApiError, match=text) as caught:
        api.chat({"model": "m"})
    assert caught.value.status == code
    assert caught.value.body == body


def test_null_error_is_no_error(api: Api) -> None:
    ROUTES["/v1/responses"] = (200, '{"id":"resp_1","error":null,"output":[]}')
    assert api.responses({})["id"] == "resp_1"


def test_stream_yields_objects_until_done(api: Api) -> None:
    events = 'event: x\ndata: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\ndata: {"n":3}\n\n'
    ROUTES["/v1/chat/completions"] = (200, events)
    assert list(api.stream("chat/completions", {})) == [{"n": 1}, {"n": 2}]


def test_stream_raises_errors(api: Api) -> None:
    ROUTES["/v1/chat/completions"] = (200, 'data: {"error":{"message":"died","code":500}}\n\n')
    with pytest.raises(ApiError, match="died"):
        list(api.stream("chat/completions", {}))
    ROUTES["/v1/chat/completions"] = (401, '{"error":"Unauthorized"}')
    with pytest.raises(ApiError, match="401"):
        list(api.stream("chat/completions", {}))


def test_unreachable_server_has_no_status() -> None:
    with pytest.raises(ApiError, match="no whole reply from http://127.0.0.1:1/v1") as caught:
        Api("http://127.0.0.1:1/v1").health()
    assert caught.value.status is None


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000/v1", "ftp://h/v1"])
def test_bad_url_is_refused(url: str) -> None:
    with pytest.raises(ApiError, match="base_url"):
        Api(url)


def test_reply_json_names_what_was_found(api: Api) -> None:
    ROUTES["/v1/x"] = (502, "Bad Gateway")
    reply = api.get("x")
    assert reply.status == 502
    assert reply.headers["content-length"] == "11"
    with pytest.raises(ApiError, match="Bad Gateway"):
        reply.json()
    ROUTES["/v1/x"] = (200, json.dumps({"a": 1}))
    assert api.post("/x", {"q": 1}).json() == {"a": 1}


def test_api_key_file(tmp_path: Path) -> None:
    assert read_api_key(None) is None
    good = tmp_path / "key"
    good.write_text("secret-1\n")
    assert read_api_key(str(good)) == "secret-1"
    for bad, text in [("", "nothing"), ("two words", "blanks"), ("a\nb", "blanks"), ("a\r\n", "carriage")]:
        good.write_text(bad)
        with pytest.raises(ApiError, match=text):
            read_api_key(str(good))
    with pytest.raises(ApiError, match="could not read"):
        read_api_key(str(tmp_path / "none"))
