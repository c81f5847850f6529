from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _smoke as smoke
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, ApiTimeout, Event, Reply
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import conventions_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import Check
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_plan import WAYS, Plan
from replies import FOLDER, NEW, OLD, changed, event_changed, events, whole

MODEL = "openai/gpt-oss-20b"
RELEASE = conventions_of("0.32.0")
PLAN = Plan(MODEL, "Hi", "", ["low", "high"], 4096, effort_prompts=("One?", "Two?"), conventions=RELEASE)
NAMES = [
    "models",
    *(f"{way} {effort}" for effort in ("low", "high") for way in WAYS),
    *("chat limit", "responses limit", "unknown model", "bad JSON", "chat prompt tokens", "responses prompt tokens"),
    "reasoning effort",
]


class FakeApi(Api):
    """Answers with real replies or as told, by the name of the request, and keeps what it was asked."""

    def __init__(self, **told: Any) -> None:
        super().__init__("http://127.0.0.1:1/v1")
        self.told = told
        self.asked: dict[str, dict[str, Any]] = {}

    def models(self) -> list[dict[str, Any]]:
        return self.told.get("models", whole(NEW, "models")["data"])

    def post(self, path: str, payload: Any, headers: Mapping[str, str] | None = None) -> Reply:
        if isinstance(payload, str) or payload["model"] != MODEL:
            name = "bad-json" if isinstance(payload, str) else "wrong-model"
            return self.told.get(name, Reply(400 if isinstance(payload, str) else 404, {}, _text(name)))
        if path == "responses":
            reply = self._reply(payload, headers, path, payload["reasoning"]["effort"], "status", "incomplete")
        else:
            reply = self._reply(
                payload, headers, "chat", payload["reasoning_effort"], "choices.0.finish_reason", "length"
            )
        return Reply(200, {}, json.dumps(reply))

    def events(self, path: str, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> Iterator[Event]:
        name = self._note(payload, headers)
        yield from self._told(name, events(NEW, "chat-stream" if "chat" in path else "responses-stream"))

    def _reply(self, payload: Any, headers: Any, api: str, effort: str, path: str, cut: str) -> dict[str, Any]:
        name = self._note(payload, headers)
        reply = whole(NEW, f"{api}-{effort}")
        if name.endswith("limit"):
            reply = changed(changed(reply, path, cut), "incomplete_details", {"reason": "max_output_tokens"})
            for place, value in CUT[api].items():
                reply = changed(reply, place, value)
        return self._told(name, reply)

    def _note(self, payload: dict[str, Any], headers: Any) -> str:
        _smoke, name, unique = headers["X-Request-Id"].split("/")
        assert len(unique) == 8
        self.asked[name] = payload
        return str(name)

    def _told(self, name: str, reply: Any) -> Any:
        found = self.told.get(name, reply)
        if isinstance(found, Exception):
            raise found
        return found


# What the limit of 8 tokens leaves.
CUT: dict[str, dict[str, Any]] = {
    "chat": {
        "choices.0.message": {"role": "assistant", "content": None, "reasoning": "I read this with care"},
        "usage": {"prompt_tokens": 77, "completion_tokens": 8, "total_tokens": 85},
    },
    "responses": {"output": [], "usage": {"input_tokens": 77, "output_tokens": 8, "total_tokens": 85}},
}
CHAT = whole(NEW, "chat-low")
RESPONSE = whole(NEW, "responses-low")
STREAM = events(NEW, "chat-stream")


def _text(name: str) -> str:
    return (FOLDER / NEW / f"{name}.json").read_text()


def run(api: Api, **changes: Any) -> list[Check]:
    return smoke.run_checks(api, dataclasses.replace(PLAN, **changes), clock=lambda: 0.0)


def test_all_is_well() -> None:
    api = FakeApi()
    checks = run(api)
    assert smoke.failures(checks) == []
    assert [check.name for check in checks] == NAMES
    assert checks[-1].numbers == {"low": 2 * 3, "high": 2 * 24}
    assert checks[-2].detail == "69, 69, whole and as a stream"
    assert len(api.asked) == 8 + 2 + 4


def test_what_is_asked() -> None:
    api = FakeApi()
    run(api, temperature=0.5)
    chat, response = api.asked["chat-low"], api.asked["responses-high"]
    assert (chat["reasoning_effort"], chat["messages"][0]["content"], chat["temperature"]) == ("low", "Hi", 0.5)
    assert (response["reasoning"], response["input"], response["temperature"]) == ({"effort": "high"}, "Hi", 0.5)
    assert api.asked["chat-stream-low"]["stream_options"] == {"include_usage": True}
    assert api.asked["responses-stream-low"]["stream"] is True
    assert api.asked["effort-high-2"]["messages"][0]["content"] == "Two?"
    assert (api.asked["chat-limit"]["max_tokens"], api.asked["responses-limit"]["max_output_tokens"]) == (8, 8)


@pytest.mark.parametrize(("given", "sent"), [(100, 100), (4096, 2048), (None, None)])
def test_a_limit_is_fitted_to_the_context(given: int | None, sent: int | None) -> None:
    api = FakeApi()
    run(api, max_tokens=given)
    assert api.asked["chat-low"].get("max_tokens") == sent
    assert api.asked["responses-low"].get("max_output_tokens") == sent


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([{"id": "other", "max_model_len": 5}], f"models: expected the model {MODEL}, the server lists other"),
        ([{"id": MODEL}], "models: expected the model's max_model_len in the list, found None"),
    ],
)
def test_without_the_model_nothing_else_is_asked(models: list[dict[str, Any]], expected: str) -> None:
    api = FakeApi(models=models)
    assert smoke.failures(run(api)) == [expected]
    assert api.asked == {}


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("chat low", {"chat-low": ApiError("status 500: broken", 500)}, "status 500: broken"),
    ("chat low", {"chat-low": changed(CHAT, "usage.total_tokens", 5)}, "total_tokens"),
    (
        "chat low",
        {"chat-low": changed(CHAT, "choices.0.message", {"role": "assistant", "reasoning_content": "Hm."})},
        "expected the reasoning in reasoning, found it in reasoning_content",
    ),
    ("chat stream low", {"chat-stream-low": STREAM[:-1]}, "[DONE]"),
    ("chat stream high", {"chat-stream-high": ApiError("no reply")}, "no reply"),
    ("responses low", {"responses-low": changed(RESPONSE, "usage.output_tokens", 0)}, "total_tokens"),
    ("responses stream high", {"responses-stream-high": events(NEW, "responses-stream")[:-1]}, "response.completed"),
    ("chat limit", {"chat-limit": CHAT}, "expected 8 tokens to cut the reply, it ended with 'stop'"),
    ("responses limit", {"responses-limit": RESPONSE}, "expected 8 tokens to cut the reply, it ended with 'stop'"),
    (
        "chat limit",
        {"chat-limit": changed(CHAT, "choices.0.finish_reason", "length")},
        "expected 8 tokens at most, found 17",
    ),
    ("unknown model", {"wrong-model": Reply(200, {}, "{}")}, "expected status 404"),
    ("bad JSON", {"bad-json": Reply(500, {}, "")}, "expected status 400 to 499"),
    (
        "chat prompt tokens",
        {
            "chat-stream-high": event_changed(
                event_changed(STREAM, -2, "usage.prompt_tokens", 70), -2, "usage.total_tokens", 100
            )
        },
        "expected the same prompt to count the same, found 69 whole, 70 as a stream",
    ),
    ("reasoning effort", {"effort-high-1": CHAT, "effort-high-2": CHAT}, "expected less at low than at high"),
    ("reasoning effort", {"effort-low-2": ApiError("status 503")}, "1 of 4 replies were bad; the first: effort low 2"),
]


@pytest.mark.parametrize(("name", "told", "expected"), BROKEN)
def test_exactly_what_is_wrong_is_said(name: str, told: dict[str, Any], expected: str) -> None:
    failed = smoke.failures(run(FakeApi(**told)))
    assert len(failed) == 1, failed
    assert failed[0].startswith(f"{name}: ")
    assert expected in failed[0]


def test_the_sense_of_answers_is_judged_where_something_is_expected() -> None:
    failed = smoke.failures(run(FakeApi(), expect="medium reply"))
    assert [line.partition(":")[0] for line in failed] == ["chat low", "responses low", "chat high", "responses high"]
    gibberish = changed(CHAT, "choices.0.message.content", "!" * 30)
    assert smoke.failures(run(FakeApi(**{"chat-low": gibberish}))) == []
    assert "again and again" in smoke.failures(run(FakeApi(**{"chat-low": gibberish}), expect="!"))[0]


def test_weights_of_chance_pass_where_nothing_is_expected_and_there_alone() -> None:
    """As an H200 answered with dummy weights: no text, cut by the limit."""
    told = {"chat-low": whole(OLD, "chat"), "responses-high": whole(OLD, "responses-high")}
    assert smoke.failures(run(FakeApi(**told))) == []
    failed = smoke.failures(run(FakeApi(**told), expect="."))
    assert sum("expected the reply to end by itself, it ended with 'length'" in line for line in failed) == len(told)


def test_prompt_tokens_of_failed_replies_are_not_compared() -> None:
    failing = {f"chat-{effort}": ApiError("x") for effort in ("low", "high")}
    checks = {check.name: check for check in run(FakeApi(**failing))}
    assert checks["chat prompt tokens"].skipped and checks["chat prompt tokens"].ok
    assert not checks["responses prompt tokens"].skipped


@pytest.mark.parametrize("changes", [{"effort_prompts": ()}, {"reasoning_efforts": ["high"]}])
def test_efforts_are_compared_only_where_there_is_something_to_compare(changes: dict[str, Any]) -> None:
    api = FakeApi()
    checks = run(api, **changes)
    assert "reasoning effort" not in [check.name for check in checks]
    assert not [name for name in api.asked if name.startswith("effort")]


def test_a_hung_server_is_told_once() -> None:
    failed = smoke.failures(run(FakeApi(**{"chat-high": ApiTimeout("no whole reply")}), concurrency=1))
    assert failed == ["chat high: no whole reply"]


def test_an_old_version_is_judged_by_its_own_conventions() -> None:
    zeros = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    told = {f"responses-{name}": changed(RESPONSE, "usage", zeros) for name in ("low", "high", "limit")}
    stream = events(NEW, "responses-stream")
    told |= {f"responses-stream-{name}": event_changed(stream, -1, "response.usage", zeros) for name in ("low", "high")}
    assert len(smoke.failures(run(FakeApi(**told)))) == 5
    old = dataclasses.replace(conventions_of("0.10.1"), reasoning_fields=None)
    assert smoke.failures(run(FakeApi(**told), conventions=old)) == []
