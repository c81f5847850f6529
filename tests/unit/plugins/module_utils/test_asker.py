from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _asker
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import (
    Asker,
    Limits,
    Pulse,
    ServerFailure,
    parse_retry_after,
    retry_delay,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import (
    ConnectError,
    DisconnectError,
    Endpoint,
    RequestTimeout,
    Response,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

SAMPLE = Sample("gpqa", 3, 1, (0, 1, 2, 3), "What?", "B")
HEALTHY = Response(200, {}, b"")


def reply(text: str | None, finish: str = "stop") -> Response:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return Response(200, {}, json.dumps({"choices": [choice], "usage": {"completion_tokens": 4}}).encode())


def status(code: int, headers: dict[str, str] | None = None, text: str = "no") -> Response:
    return Response(code, headers or {}, json.dumps({"error": {"message": text, "code": code}}).encode())


class FakeConnection:
    """Plays replies; the last one again and again."""

    def __init__(self, replies: list[Any], health: Any) -> None:
        self.replies = replies
        self.health = health
        self.asked: list[str] = []

    async def post(self, path: str, body: bytes, request_id: str, timeout: float) -> Response:
        self.asked.append(request_id)
        return self._play(self.replies[min(len(self.asked), len(self.replies)) - 1])

    async def get(self, path: str, timeout: float) -> Response:
        assert path == "/health"
        return self._play(self.health)

    @staticmethod
    def _play(found: Any) -> Response:
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Response)
        return found


def ask(replies: list[Any], health: Any = HEALTHY, pulse: Pulse | None = None) -> tuple[dict[str, Any], Mark, int]:
    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    sampler = SAMPLERS["chat_completions"]("m", "low", 1.0, 9)
    connection = FakeConnection(replies, health)
    asker = Asker(endpoint, sampler, Limits(1.0, 0.05), pulse or Pulse(1))
    row, mark = asyncio.run(asker.ask(connection, SAMPLE))  # type: ignore[arg-type]
    return row, mark, len(connection.asked)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_asker, "FIRST_DELAY", 0.001)


@pytest.mark.parametrize(
    ("replies", "outcome", "attempts"),
    [
        ([reply("Answer: B")], "correct", 1),
        ([reply("Answer: C")], "wrong", 1),
        ([reply("I cannot tell")], "unparsed", 1),
        ([reply("")], "unparsed", 1),
        ([reply(None)], "unparsed", 1),
        ([reply("Let me", "length")], "truncated", 1),
        ([reply("Answer: B", "length")], "correct", 1),
        ([status(400, text="too long")], "refused", 1),
        ([status(422)], "refused", 1),
        ([status(301, {"location": "http://x"})], "refused", 1),
        ([Response(200, {}, b'{"error":{"message":"too long","code":400}}')], "refused", 1),
        ([status(503), status(429, {"retry-after": "0"}), reply("Answer: B")], "correct", 3),
        ([status(500), reply("Answer: B")], "correct", 2),
        ([status(502), status(504), status(408), reply("Answer: B")], "correct", 4),
        ([DisconnectError("x"), ConnectError("x"), RequestTimeout("x"), reply("Answer: B")], "correct", 4),
        ([Response(200, {}, b'{"choices":['), reply("Answer: B")], "correct", 2),
        ([Response(200, {}, b'{"error":{"message":"busy","code":503}}'), reply("Answer: B")], "correct", 2),
    ],
)
def test_outcomes(replies: list[Any], outcome: str, attempts: int) -> None:
    row, mark, asked = ask(replies)
    assert (row["outcome"], mark.outcome, row["attempts"], asked) == (outcome, outcome, attempts, attempts)
    assert (row["question"], row["repeat"], row["target"]) == (3, 1, "B")


def test_a_row_holds_what_came() -> None:
    row, mark, _unused = ask([reply("Answer: C")])
    assert (row["text"], row["extracted"], row["score"], row["finish_reason"]) == ("Answer: C", "C", 0.0, "stop")
    assert row["completion_tokens"] == mark.completion_tokens == 4
    assert mark.finished - mark.started == pytest.approx(row["seconds"], abs=1e-5)


@pytest.mark.parametrize(
    ("last", "outcome", "text"),
    [
        (status(503), "error", "HTTP 503: no"),
        (RequestTimeout("late"), "timeout", "late"),
        (DisconnectError("gone"), "error", "gone"),
    ],
)
def test_a_sample_that_fails_for_ever_is_given_up_when_the_server_lives(last: Any, outcome: str, text: str) -> None:
    row, mark, asked = ask([last])
    assert (row["outcome"], row["error"], mark.error, row["score"]) == (outcome, text, text, None)
    assert asked > 2


def test_the_servers_wish_to_wait_is_cut_at_the_retry_timeout() -> None:
    row, _mark, asked = ask([status(429, {"retry-after": "3600"})])
    assert (row["outcome"], asked) == ("error", 2)
    assert row["seconds"] < 5


@pytest.mark.parametrize(
    ("health", "match"), [(ConnectError("refused"), "out of reach for 0.05 s"), (status(503), "unhealthy .*503")]
)
def test_a_dead_server_ends_the_run_and_costs_no_sample(health: Any, match: str) -> None:
    with pytest.raises(ServerFailure, match=match):
        ask([ConnectError("refused")], health)


def test_a_server_that_fails_everything_ends_the_run() -> None:
    pulse = Pulse(1)
    for _unused in range(7):
        ask([status(500)], pulse=pulse)
    with pytest.raises(ServerFailure, match="answers no request any more: HTTP 500"):
        ask([status(500)], pulse=pulse)


def test_a_success_in_between_clears_the_server() -> None:
    pulse = Pulse(1)
    for _unused in range(20):
        ask([status(500)], pulse=pulse)
        ask([reply("Answer: B")], pulse=pulse)


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_lost_key_or_model_ends_the_run_at_once(code: int) -> None:
    with pytest.raises(ServerFailure, match=f"refuse all requests.*{code}"):
        ask([status(code)])


def test_retry_delays_double_up_to_a_cap_and_obey_the_server() -> None:
    for attempt, longest in [(1, 0.001), (2, 0.002), (5, 0.016), (16, 30.0), (1000, 30.0)]:
        delays = [retry_delay(attempt, None) for _unused in range(200)]
        assert longest / 2 <= min(delays) < max(delays) <= longest
    assert 7 <= retry_delay(1, 7.0) <= 7.7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=10.0) == seconds
