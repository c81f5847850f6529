from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import ApiTimeout, Event, checked

ROUTES: dict[str, tuple[int, str]] = {}
SEEN: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {
            "authorization": self.headers.get("Authorization", ""),
            "request_id": self.headers.get("X-Request-Id", ""),
        }
        SEEN.append({"path": self.path, "body": asked, **headers})
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


def test_metrics(api: Api) -> None:
    assert api.metrics() is None
    ROUTES["/metrics"] = (200, "a 1\n")
    assert api.metrics() == "a 1\n"


def test_a_reply_to_come(api: Api) -> None:
    ROUTES["/v1/chat/completions"] = (200, '{"usage":{"completion_tokens":3}}')
    pending = api.begin("chat/completions", {"model": "m"})
    assert pending.wait(2)
    assert pending.reply() == {"usage": {"completion_tokens": 3}}
    ROUTES["/v1/chat/completions"] = (500, '{"error":{"message":"engine died","code":500}}')
    with pytest.raises(ApiError, match="engine died"):
        api.begin("chat/completions", {"model": "m"}).reply()


def test_a_reply_that_does_not_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        api = Api(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout=0.1)
        pending = api.begin("chat/completions", {"model": "m"})
        assert not pending.wait(0.05)
        accepted, _peer = listener.accept()
        pending.close()
        with accepted:
            while accepted.recv(4096):
                pass  # the request, and then the end: the server sees that nobody waits
    with pytest.raises(ApiError, match="no whole reply"):
        api.begin("chat/completions", {"model": "m"})


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
    assert checked(api.post("responses", {}))["id"] == "resp_1"


def test_events_are_told_with_their_names_and_the_end_mark(api: Api) -> None:
    events = 'event: x\ndata: {"n":1}\n\n: a comment\n\ndata:{"n":2}\n\ndata: [DONE]\n\ndata: {"n":3}\n\n'
    ROUTES["/v1/chat/completions"] = (200, events)
    found = list(api.events("chat/completions", {}))
    assert found == [Event("x", {"n": 1}), Event("", {"n": 2}), Event("", None), Event("", {"n": 3})]


@pytest.mark.parametrize("events", ["data: [1]\n\n", "data: {\n\n"])
def test_an_event_that_is_no_object(api: Api, events: str) -> None:
    ROUTES["/v1/chat/completions"] = (200, events)
    with pytest.raises(ApiError, match="expected"):
        list(api.events("chat/completions", {}))


def test_headers_and_texts_go_along_as_they_are(api: Api) -> None:
    ROUTES["/v1/x"] = (200, "{}")
    api.post("x", "{no JSON", {"X-Request-Id": "smoke/1"})
    assert (SEEN[-1]["body"], SEEN[-1]["request_id"]) == ("{no JSON", "smoke/1")


def test_a_silent_server_is_told_from_one_that_hangs_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ApiTimeout, match="no whole reply"):
            Api(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", timeout=0.2).health()
    with pytest.raises(ApiError) as caught:
        Api("http://127.0.0.1:1/v1").health()
    assert not isinstance(caught.value, ApiTimeout)


def test_stream_raises_errors(api: Api) -> None:
    ROUTES["/v1/chat/completions"] = (200, 'data: {"error":{"message":"died","code":500}}\n\n')
    with pytest.raises(ApiError, match="died"):
        list(api.events("chat/completions", {}))
    ROUTES["/v1/chat/completions"] = (401, '{"error":"Unauthorized"}')
    with pytest.raises(ApiError, match="401"):
        list(api.events("chat/completions", {}))


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
