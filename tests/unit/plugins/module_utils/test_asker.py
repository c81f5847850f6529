from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _asker
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import (
    Asker,
    HandedBack,
    Limits,
    Pulse,
    ServerFailure,
    parse_retry_after,
    retry_delay,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import (
    ConnectError,
    DisconnectError,
    DroppedError,
    Endpoint,
    RequestTimeout,
    Response,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

SAMPLE = Sample("gpqa", 3, 1, (0, 1, 2, 3), "What?", "B")


def reply(text: str | None, finish: str = "stop") -> Response:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return Response(200, {}, json.dumps({"choices": [choice], "usage": {"completion_tokens": 4}}).encode())


def status(code: int, headers: dict[str, str] | None = None, text: str = "no") -> Response:
    return Response(code, headers or {}, json.dumps({"error": {"message": text, "code": code}}).encode())


class FakeConnection:
    """Plays replies; the last one again and again."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies = replies
        self.asked: list[str] = []
        self.resent = 0

    async def post(self, path: str, body: bytes, request_id: str, timeout: float) -> Response:
        self.asked.append(request_id)
        return self._play(self.replies[min(len(self.asked), len(self.replies)) - 1])

    @staticmethod
    def _play(found: Any) -> Response:
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Response)
        return found


def ask(
    replies: list[Any], pulse: Pulse | None = None, max_attempts: int = 99, retry_timeout: float = 0.05
) -> tuple[dict[str, Any], Mark, int]:
    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    sampler = SAMPLERS["chat_completions"]("m", "low", 1.0, 9)
    connection = FakeConnection(replies)
    asker = Asker(endpoint, sampler, Limits(1.0, retry_timeout, max_attempts), pulse or Pulse(1), Gate())
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
    row, mark, asked = ask(replies, retry_timeout=60.0)  # a busy machine gives up nothing
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


class Server(FakeConnection):
    """Is down until its gate is opened; then it answers."""

    def __init__(self, gate: Gate, failure: Exception) -> None:
        super().__init__([failure])
        self.gate = gate
        self.up = False

    async def post(self, path: str, body: bytes, request_id: str, timeout: float) -> Response:
        self.replies = [reply("Answer: B")] if self.up else self.replies
        if isinstance(self.replies[0], DroppedError):  # nothing is dropped before the gate is closed
            self.gate.close()
        return await super().post(path, body, request_id, timeout)


@pytest.mark.parametrize("failure", [DroppedError("down"), ConnectError("refused"), DisconnectError("gone")])
def test_a_server_that_is_down_costs_no_sample(failure: Exception) -> None:
    """However long it takes: here twenty times the retry timeout, and with one attempt allowed."""

    async def play() -> tuple[dict[str, Any], int]:
        gate = Gate()
        gate.watched = gate.doubt = True
        server = Server(gate, failure)
        endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
        asker = Asker(endpoint, SAMPLERS["chat_completions"]("m", "low", 1.0, 9), Limits(1.0, 0.05, 1), Pulse(1), gate)
        asking = asyncio.ensure_future(asker.ask(server, SAMPLE))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        gate.close()
        await asyncio.sleep(1.0)
        assert not asking.done()
        held = len(server.asked)
        server.up = True
        gate.suspicion.clear()
        gate.open()
        return (await asking)[0], held

    row, held = asyncio.run(play())
    assert (row["outcome"], held) == ("correct", 1)


@pytest.mark.parametrize("failure", [DroppedError("down"), ConnectError("refused")])
def test_a_server_that_is_down_hands_its_samples_back_where_others_answer(failure: Exception) -> None:
    async def play() -> int:
        gate = Gate()
        gate.watched = gate.doubt = True
        sampler = SAMPLERS["chat_completions"]("m", "low", 1.0, 9)
        endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
        asker = Asker(endpoint, sampler, Limits(1.0, 0.05, 1), Pulse(1), gate, alone=False)
        asking = asyncio.ensure_future(asker.ask(Server(gate, failure), SAMPLE, 2))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        gate.close()
        with pytest.raises(HandedBack) as caught:
            await asking
        return caught.value.attempts

    assert asyncio.run(play()) == 3


def test_what_a_living_server_does_not_answer_is_handed_back_once_where_others_answer() -> None:
    async def play(before: int) -> dict[str, Any]:
        sampler = SAMPLERS["chat_completions"]("m", "low", 1.0, 9)
        endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
        asker = Asker(endpoint, sampler, Limits(1.0, 60.0, 1), Pulse(9), Gate(), alone=False)
        return (await asker.ask(FakeConnection([status(500)]), SAMPLE, before))[0]  # type: ignore[arg-type]

    with pytest.raises(HandedBack) as caught:
        asyncio.run(play(0))
    assert caught.value.attempts == 1
    assert asyncio.run(play(1))["outcome"] == "error"


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
    assert 60 <= retry_delay(1, 3600.0) <= 66  # the server may be free long before
    assert retry_delay(16, 0.0) >= 15  # a thousand clients that obey 0 are a flood


def test_a_sample_is_asked_so_often_at_most() -> None:
    row, _mark, asked = ask([status(503)], max_attempts=3, retry_timeout=60.0)
    assert (row["outcome"], row["attempts"], asked) == ("error", 3, 3)


@pytest.mark.parametrize(("answered", "ends"), [(False, True), (True, False)])
def test_a_server_that_refuses_all_of_a_cell_ends_the_run_before_all_is_asked(answered: bool, ends: bool) -> None:
    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    sampler = SAMPLERS["chat_completions"]("m", "low", 1.0, 9)
    asker = Asker(endpoint, sampler, Limits(1.0, 0.05, 9), Pulse(1), Gate(), "low", answered)
    connection = FakeConnection([status(400, text="max_tokens is too large")])

    async def ask_all() -> list[str]:
        return [(await asker.ask(connection, SAMPLE))[0]["outcome"] for _unused in range(40)]  # type: ignore[arg-type]

    if ends:
        with pytest.raises(ServerFailure, match=r"refuses this eval's requests .16 of 16.: HTTP 400: max_tokens"):
            asyncio.run(ask_all())
    else:
        assert asyncio.run(ask_all()) == ["refused"] * 40


def test_a_request_that_was_sent_twice_counts_as_two_attempts() -> None:
    class Stale(FakeConnection):
        async def post(self, path: str, body: bytes, request_id: str, timeout: float) -> Response:
            self.resent += 1
            return await super().post(path, body, request_id, timeout)

    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    asker = Asker(endpoint, SAMPLERS["chat_completions"]("m", "low", 1.0, 9), Limits(1.0, 0.05, 9), Pulse(1), Gate())
    row, _mark = asyncio.run(asker.ask(Stale([reply("Answer: B")]), SAMPLE))  # type: ignore[arg-type]
    assert row["attempts"] == 2


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


def test_no_two_requests_have_one_name() -> None:
    """vLLM refuses a request with the name of one under way: of another effort, or an attempt it did not drop yet."""
    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    connection = FakeConnection([status(503), reply("Answer: B")])
    for effort in ("low", "high"):
        sampler = SAMPLERS["chat_completions"]("m", effort, 1.0, 9)
        asker = Asker(endpoint, sampler, Limits(1.0, 0.05, 9), Pulse(1), Gate(), effort)
        asyncio.run(asker.ask(connection, SAMPLE))  # type: ignore[arg-type]
    assert connection.asked == ["gpqa/3/1/low/1", "gpqa/3/1/low/2", "gpqa/3/1/high/1"]
