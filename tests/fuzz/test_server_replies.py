"""What servers send back: JSON of any shape, streams that are cut anywhere, and bytes that are hardly HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _fingerprint_reply,
    _histograms,
    _metrics,
    _smoke_answer,
    _smoke_stream,
    _token_limit,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import Event, events
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import Asker, Limits, Pulse, ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint import take
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import PROMPTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection, Endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._journal import is_sample
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness_watch import Watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError, probe_server
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS, ReplyError, error_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_looks import Looks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke import run_checks
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_smoke
from fuzzing import as_json, check_message, damaged, damaged_json, fuzz, mangled
from hypothesis import example
from hypothesis import strategies as st
from raw_server import RawServer, raw_server, response

FIXTURES = Path(__file__).parents[1] / "unit" / "plugins" / "module_utils" / "fixtures"
REPLIES = FIXTURES / "replies" / "vllm-0.32.0"
CHAT, RESPONSE, MODELS = (
    json.loads((REPLIES / f"{name}.json").read_text()) for name in ("chat-low", "responses-low", "models")
)
CHAT_STREAM, RESPONSES_STREAM = ((REPLIES / f"{name}-stream.txt").read_bytes() for name in ("chat", "responses"))
METRICS = (FIXTURES / "metrics" / "0.32.0-cpu.txt").read_bytes()
ERROR = json.loads((REPLIES / "wrong-model.json").read_text())
MODEL = MODELS["data"][0]["id"]
SAMPLE = Sample("gpqa", 3, 1, (0, 1, 2, 3), "What?", "B")
PIECES = st.sampled_from([1 << 20, 7, 333])
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n"
    + b'{"version": "0.32.0", "a":'
    + b"\r\n2\r\n1}\r\n0\r\n\r\n"
)
HUGE = b"HTTP/1.1 200 OK\r\n" + b"X-Y: " + b"z" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}"
MANY = b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 300 + b"Content-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server() as running:
        yield running


def response_bytes(document: Any) -> st.SearchStrategy[bytes]:
    """Responses whose body, or whose every byte, was damaged."""
    statuses = st.sampled_from(
        ["200 OK", "200 OK", "400 Bad Request", "429 Slow", "500 Oh", "302 Found", "204 No Content"]
    )
    whole = st.builds(response, damaged_json(document), st.just("application/json"), statuses)
    good = response(as_json(document))
    return st.one_of(
        whole, mangled(good), mangled(CHUNKED), st.sampled_from([HUGE, MANY, b"", b"\r\n\r\n", b"SSH-2.0-x\r\n"])
    )


# The synchronous client -------------------------------------------------------------------------------------------


@example(data=response(b"\t", status="400 Bad Request"), piece=7)
@fuzz(data=response_bytes(MODELS), piece=PIECES)
def test_the_client_of_modules(data: bytes, piece: int, server: RawServer) -> None:
    server.answer, server.piece = lambda path: data, max(piece, len(data) // 50)
    api = Api(server.base_url, None, 0.5)
    payload = {"model": "m"}
    calls = [
        api.health,
        api.version,
        api.metrics,
        api.models,
        lambda: api.chat(payload),
        lambda: list(api.events("x", payload)),
    ]
    calls += [lambda: api.open_stream("x", payload), lambda: api.begin("x", payload).reply()]
    for call in calls:
        try:
            call()
        except ApiError as exc:
            check_message(str(exc))
    for model in models_of(api):
        assert isinstance(model, dict)


def models_of(api: Api) -> list[Any]:
    try:
        return api.models()
    except ApiError:
        return []


class Lines:
    """A stream's lines, as http.client gives them."""

    status = 200

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content.splitlines(keepends=True))


@fuzz(content=st.one_of(mangled(CHAT_STREAM), mangled(RESPONSES_STREAM)))
def test_streams_of_damaged_bytes(content: bytes) -> None:
    for read in (_smoke_stream.chat_stream_answer, lambda found: _smoke_stream.response_stream_answer(found, True)):
        try:
            answer = read(events(Lines(content)))  # type: ignore[arg-type]
            assert isinstance(answer.text, str)
        except (ApiError, _smoke_answer.SmokeError) as exc:
            check_message(str(exc))


def stream_events(content: bytes) -> list[list[Any]]:
    return [[event.name, event.data] for event in events(Lines(content))]  # type: ignore[arg-type]


@example(chat=[["", {"object": "chat.completion.chunk", "id": [], "choices": [{"delta": [1]}]}]], responses=[])
@fuzz(chat=damaged(stream_events(CHAT_STREAM)), responses=damaged(stream_events(RESPONSES_STREAM)))
def test_streams_of_damaged_events(chat: Any, responses: Any) -> None:
    chat, responses = (
        [
            Event(str(each[0]), each[1])
            for each in found
            if isinstance(each, list) and len(each) == 2 and isinstance(each[1], (dict, type(None)))
        ]
        for found in (found if isinstance(found, list) else [] for found in (chat, responses))
    )
    for found, read in (
        (chat, _smoke_stream.chat_stream_answer),
        (responses, lambda found: _smoke_stream.response_stream_answer(found, True)),
    ):
        try:
            answer = read(found)
            assert isinstance(answer.text, str)
        except _smoke_answer.SmokeError as exc:
            check_message(str(exc))


@example(chat={**CHAT, "choices": [{"message": {"role": "assistant", "content": [1]}}]}, answered=RESPONSE)
@example(chat=CHAT, answered={**RESPONSE, "output": [{"type": "message", "content": 5}]})
@fuzz(chat=damaged(CHAT), answered=damaged(RESPONSE))
def test_whole_replies(chat: Any, answered: Any) -> None:
    for body, read in ((chat, _smoke_answer.chat_answer), (answered, _smoke_answer.response_answer)):
        if isinstance(body, dict):
            try:
                found = read(body)
                assert isinstance(found.text, str)
            except _smoke_answer.SmokeError as exc:
                check_message(str(exc))


@fuzz(
    models=damaged(MODELS, least=0), chat=damaged_json(CHAT), answered=damaged_json(RESPONSE), error=damaged_json(ERROR)
)
def test_the_smoke_test(models: Any, chat: bytes, answered: bytes, error: bytes, server: RawServer) -> None:
    """Whatever comes, each check passes or tells what was found; JSON replies come for streams too."""
    asked = {"/v1/models": as_json(models), "/v1/chat/completions": chat, "/v1/responses": answered}
    server.answer, server.piece = lambda path: response(asked.get(path, error)), 1 << 20
    parameters = {name: option.get("default") for name, option in vllm_smoke.ARGUMENT_SPEC.items()}
    plan = vllm_smoke.plan_of({**parameters, "model": MODEL, "effort_prompts": ["One?"], "concurrency": 2}, "0.32.0")
    checks = run_checks(Api(server.base_url, None, 2.0), plan)
    for check in checks:
        if not check.ok:
            check_message(f"{check.name}: {check.detail}")
    json.dumps(vllm_smoke.result_of(checks, None, 0.0))


@example(models={"data": ["x"]}, chat=CHAT, piece=7)
@example(models=MODELS, chat={**CHAT, "usage": [1]}, piece=7)
@fuzz(models=damaged(MODELS, least=0), chat=damaged(CHAT), piece=PIECES)
def test_readiness_and_probe(models: Any, chat: Any, piece: int, server: RawServer) -> None:
    asked = {"/health": b"", "/v1/models": as_json(models), "/v1/chat/completions": as_json(chat)}
    server.answer = lambda path: response(asked.get(path, as_json(chat)))
    server.piece = piece
    for model in (None, MODEL):
        readiness = Readiness(Api(server.base_url, None, 2.0), model)
        readiness.ask()
        assert readiness.ready or not check_message(readiness.problem)
    spec = spec_of(server)
    try:
        facts = probe_server(spec, None)
        _token_limit.find_limit(spec, None, facts, [SAMPLE])
    except ProbeError as exc:
        check_message(str(exc))


@example(refusal=as_json(ERROR), usage=[1], length=4096)
@example(refusal=as_json(ERROR), usage={"usage": 3}, length=4096)
@fuzz(refusal=damaged_json(ERROR), usage=damaged(CHAT), length=st.one_of(st.none(), st.integers(-1, 200_000)))
def test_the_token_limit(refusal: bytes, usage: Any, length: Any, server: RawServer) -> None:
    bodies = iter([response(refusal, status="400 Bad Request"), response(as_json(usage)), response(b"")])
    server.answer, server.piece = lambda path: next(bodies, response(refusal, status="400 no")), 1 << 20
    try:
        limit = _token_limit.find_limit(spec_of(server), None, ServerFacts("0.32.0", False, length, None), [SAMPLE])
        assert limit.sent >= 1
    except (ProbeError, ApiError) as exc:
        check_message(str(exc))


def spec_of(server: RawServer) -> EvalSpec:
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {"server": "s", "base_url": server.base_url, "model": MODEL, "data": {"gpqa": ["x"]}, "tasks": ["gpqa"]}
    return EvalSpec.from_params({**defaults, **given, "run_path": "/nowhere"})


# Numbers ----------------------------------------------------------------------------------------------------------


@example(content=b"vllm:num_requests_running 1e400\n")
@fuzz(content=mangled(METRICS))
def test_metrics(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    try:
        counters = _metrics.engine_counters(text)
        if counters:
            json.dumps(_metrics.total(counters.values()).pulse)
    except _metrics.MetricsError as exc:
        check_message(str(exc))
    times = _histograms.ServerTimes()
    for each in (METRICS.decode(), text, METRICS.decode()):
        times.see(each)
    json.dumps([times.time_to_first_token(), times.latency()])


SCORED = [None, *({"11": {"logprob": -0.5, "rank": 1}, "12": {"logprob": -2.5, "rank": 9}} for _unused in range(5))]
GENERATED = {"tokens": [f"token_id:{n}" for n in range(16)], "token_logprobs": [-0.1] * 16}
COMPLETION = {"choices": [{"prompt_logprobs": SCORED, "logprobs": GENERATED}], "usage": {"prompt_tokens": 6}}


@example(body={"choices": [{"prompt_logprobs": [None, None], "logprobs": GENERATED}]}, again=COMPLETION)
@example(body={"choices": [{"prompt_logprobs": SCORED, "logprobs": {"tokens": 3}}], "usage": []}, again=COMPLETION)
@fuzz(body=damaged(COMPLETION), again=damaged(COMPLETION, least=0))
def test_fingerprints(body: Any, again: Any, server: RawServer) -> None:
    bodies = iter([as_json(body), as_json(body)])
    server.answer, server.piece = lambda path: response(next(bodies, as_json(again))), 1 << 20
    try:
        found = take(Api(server.base_url, None, 2.0), "m", 2, lambda: "salt", PROMPTS[:2])
        json.dumps(found)
    except (ApiError, _fingerprint_reply.FingerprintError) as exc:
        check_message(str(exc))


# The eval's client ------------------------------------------------------------------------------------------------


@example(
    chat=as_json({**CHAT, "usage": {"prompt_tokens": "9"}}), answered=as_json({**RESPONSE, "usage": [1]}), error=b""
)
@fuzz(chat=damaged_json(CHAT), answered=damaged_json(RESPONSE), error=damaged_json(ERROR))
def test_replies_to_samples(chat: bytes, answered: bytes, error: bytes) -> None:
    for name, body in (("chat_completions", chat), ("responses", answered), ("responses", error)):
        try:
            found = SAMPLERS[name]("m", "low", 1.0, 9).parse(body)
        except ReplyError as exc:
            check_message(f"HTTP {exc.status}: {exc.text}")
            continue
        assert isinstance(found.text, str)
        assert all(count is None or (isinstance(count, int) and count is not True) for count in found[2:])
    assert isinstance(error_text(error), str)


@example(data=response(b"", status="400 Bad Request"), sampler="responses", piece=7)
@fuzz(
    data=st.one_of(response_bytes(CHAT), response_bytes(RESPONSE)),
    sampler=st.sampled_from(list(SAMPLERS)),
    piece=PIECES,
)
def test_samples_are_asked(data: bytes, sampler: str, piece: int, server: RawServer) -> None:
    """What comes is a row that a later run reads again, or ends the run with a sentence."""
    server.answer, server.piece = lambda path: data, max(piece, len(data) // 50)

    async def play() -> dict[str, Any]:
        endpoint = Endpoint.parse(server.base_url)
        asker = Asker(endpoint, SAMPLERS[sampler]("m", "low", 1.0, 9), Limits(0.5, 0.0, 1), Pulse(1), Gate())
        connection = Connection(endpoint)
        try:
            return (await asker.ask(connection, SAMPLE))[0]
        finally:
            connection.close()

    try:
        row = asyncio.run(play())
    except ServerFailure as exc:
        check_message(str(exc))
        return
    assert is_sample(json.loads(json.dumps(row)))
    if "error" in row:
        check_message(row["error"])


@fuzz(health=response_bytes({}), metrics=mangled(METRICS), version=damaged_json({"version": "0.32.0"}))
def test_looks_at_a_server(health: bytes, metrics: bytes, version: bytes, server: RawServer) -> None:
    asked = {"/health": health, "/metrics": response(metrics, "text/plain"), "/version": response(version)}
    server.answer, server.piece = lambda path: asked[path], 1 << 20

    async def look() -> None:
        looks = Looks(Endpoint.parse(server.base_url), None, None, 60.0)
        await looks.look(whole=True)
        await looks.look()
        looks.tokens_per_second()
        looks.close()

    asyncio.run(look())


INSPECTED = {
    "Id": "abc", "Created": "2026-01-02T03:04:05.6Z", "RestartCount": 0,
    "HostConfig": {"RestartPolicy": {"Name": "no"}},
    "State": {
        "Status": "running", "Running": True, "Restarting": False, "Paused": False, "ExitCode": 0, "OOMKilled": False,
        "Pid": 77, "StartedAt": "2026-01-02T03:04:06.6Z", "FinishedAt": "0001-01-01T00:00:00Z",
    },
}  # fmt: skip


class OneContainer:
    """An engine with one container, whose log is empty."""

    def inspect(self, name: str) -> Any:
        return INSPECTED

    def log_lines(self, *args: Any, **named: Any) -> Iterator[str]:
        return iter(())


@example(chat={"usage": 3}, models={"data": [1]}, metrics=METRICS, health=200)
@fuzz(
    chat=damaged(CHAT),
    models=damaged(MODELS, least=0),
    metrics=mangled(METRICS),
    health=st.sampled_from([200, 503, 404]),
)
def test_liveness(chat: Any, models: Any, metrics: bytes, health: int, server: RawServer) -> None:
    asked = {"/health": response(b"", status=f"{health} x"), "/metrics": response(metrics, "text/plain")}
    asked |= {"/v1/models": response(as_json(models)), "/v1/chat/completions": response(as_json(chat))}
    server.answer, server.piece = lambda path: asked[path], 1 << 20
    settings = Settings(MODEL, 0.02, 0.05, 1.0, True)
    _case, judgement = Watch(OneContainer(), Api(server.base_url), "s", settings).run()  # type: ignore[arg-type]
    check_message(judgement.sentence)
    check_message(judgement.remedy)
