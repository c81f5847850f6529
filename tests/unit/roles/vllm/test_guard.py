"""The guard: its decision, and what it does on the wire, by a harness of a few lines instead of a server."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[4] / "roles" / "vllm" / "files" / "guard" / "gpt_oss_guard.py"
KEY = "key-4711"
OPEN = ("/health", "/ping")
RIGHT = {"authorization": f"Bearer {KEY}"}
PREFLIGHT = {"origin": "http://x", "access-control-request-method": "POST"}


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    for name in ("VLLM_API_KEY", "GPT_OSS_OPEN_PATHS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("gpt_oss_guard", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(monkeypatch, VLLM_API_KEY=KEY)


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/health", {}, True),
        ("GET", "/ping", {}, True),
        ("POST", "/ping", {}, True),
        ("GET", "/metrics", {}, False),
        ("GET", "/metrics", RIGHT, True),
        ("GET", "/v1/models", {}, False),
        ("GET", "/v1/models", RIGHT, True),
        ("GET", "/version", {}, False),
        ("POST", "/invocations", {}, False),
        ("POST", "/scale_elastic_ep", {}, False),
        ("GET", "/docs", {}, False),
        ("GET", "/", {}, False),
        ("GET", "", {}, False),
        # Other spellings of open and of closed paths.
        ("GET", "/health/", {}, False),
        ("GET", "//health", {}, False),
        ("GET", "/HEALTH", {}, False),
        ("GET", "/health/../metrics", {}, False),
        ("GET", "/health;/metrics", {}, False),
        ("GET", "/health\x00", {}, False),
        ("GET", "//metrics", {}, False),
        ("GET", "/Metrics", {}, False),
        ("GET", "/metrics/", {}, False),
        ("GET", "/%6detrics", {}, False),
        # Keys.
        ("GET", "/metrics", {"authorization": f"bearer {KEY}"}, True),
        ("GET", "/metrics", {"authorization": KEY}, False),
        ("GET", "/metrics", {"authorization": f"Basic {KEY}"}, False),
        ("GET", "/metrics", {"authorization": f"Bearer {KEY}x"}, False),
        ("GET", "/metrics", {"authorization": f"Bearer {KEY[:-1]}"}, False),
        ("GET", "/metrics", {"authorization": f"Bearer  {KEY}"}, False),
        ("GET", "/metrics", {"authorization": "Bearer "}, False),
        ("GET", "/metrics", {"authorization": "Bearer"}, False),
        ("GET", "/metrics", {"authorization": ""}, False),
        ("GET", "/metrics", {"authorization": "Bearer \xff\xfe"}, False),
        # A browser's preflight, and what only looks like one.
        ("OPTIONS", "/v1/models", PREFLIGHT, True),
        ("OPTIONS", "/metrics", {}, False),
        ("OPTIONS", "/metrics", {"origin": "http://x"}, False),
        ("OPTIONS", "/metrics", {"access-control-request-method": "GET"}, False),
        ("GET", "/metrics", PREFLIGHT, False),
        ("options", "/metrics", PREFLIGHT, False),
    ],
)
def test_the_decision(guard: ModuleType, method: str, path: str, headers: dict[str, str], expected: bool) -> None:
    assert guard.admits(method, path, headers, KEY, OPEN) is expected


class Wire:
    """An application behind a guard, and what is sent to the client."""

    def __init__(self, module: ModuleType) -> None:
        self.sent: list[dict[str, Any]] = []
        self.reached = False
        self.guard = module.Guard(self.application)

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached = True

    async def receive(self) -> Any:
        raise AssertionError("a refusal reads no body")

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    def ask(self, kind: str = "http", path: str = "/metrics", headers: Any = (), **scope: Any) -> Wire:
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        method = {"method": "GET"} if kind == "http" else {}
        whole = {"type": kind, "path": path, "headers": given, **method, **scope}
        asyncio.run(self.guard(whole, self.receive, self.send))
        return self


def test_a_refusal_is_vllms_own(guard: ModuleType) -> None:
    wire = Wire(guard).ask()
    assert not wire.reached
    start, body = wire.sent
    assert (start["type"], start["status"]) == ("http.response.start", 401)
    assert dict(start["headers"])[b"content-type"] == b"application/json"
    assert body == {"type": "http.response.body", "body": b'{"error":"Unauthorized"}'}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"path": "/health"}, True),
        ({"headers": [("Authorization", f"Bearer {KEY}")]}, True),
        # The first of several counts, as for vLLM: two checks must not read two different keys.
        ({"headers": [("authorization", "Bearer x"), ("authorization", f"Bearer {KEY}")]}, False),
        ({"headers": [("authorization", f"Bearer {KEY}"), ("authorization", "Bearer x")]}, True),
        # Under a root path.
        ({"path": "/api/health", "root_path": "/api"}, True),
        ({"path": "/health", "root_path": "/api"}, True),
        ({"path": "/api/metrics", "root_path": "/api"}, False),
        ({"path": "/apihealth", "root_path": "/api"}, False),
        ({"path": "/health", "root_path": "/health"}, False),
        ({"path": "/health/health", "root_path": "/health"}, True),
        ({"path": "/api/api/health", "root_path": "/api"}, False),
        ({"kind": "lifespan"}, True),
        ({"kind": "something-new"}, False),
        ({"kind": "websocket", "path": "/v1/realtime"}, False),
        ({"kind": "websocket", "path": "/v1/realtime", "headers": [("authorization", f"Bearer {KEY}")]}, True),
    ],
)
def test_what_reaches_the_application(guard: ModuleType, asked: dict[str, Any], expected: bool) -> None:
    assert Wire(guard).ask(**asked).reached is expected


def test_a_websocket_is_closed_or_answered(guard: ModuleType) -> None:
    closed = Wire(guard).ask(kind="websocket", extensions=None)
    assert [message["type"] for message in closed.sent] == ["websocket.close"]
    answered = Wire(guard).ask(kind="websocket", extensions={"websocket.http.response": {}})
    assert answered.sent[0]["status"] == 401
    assert [message["type"] for message in answered.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]


@pytest.mark.parametrize("environment", [{}, {"VLLM_API_KEY": ""}])
def test_no_key_no_server(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="expected the API key in VLLM_API_KEY, found none"):
        load(monkeypatch, **environment)


def test_the_open_paths_are_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(monkeypatch, VLLM_API_KEY=KEY, GPT_OSS_OPEN_PATHS="/health, /metrics")
    assert module.admitted("GET", "/metrics", {}) and not module.admitted("GET", "/ping", {})
    module = load(monkeypatch, VLLM_API_KEY=KEY, GPT_OSS_OPEN_PATHS="")
    assert not any(module.admitted("GET", path, {}) for path in ("/health", "/", ""))
