from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._readiness import Readiness

REFUSED = ApiError("no whole reply: Connection refused")
OURS = [{"id": "openai/gpt-oss-20b"}]
TOKENS = {"usage": {"completion_tokens": 16}, "choices": [{"message": {"content": None}}]}


class FakeApi(Api):
    def __init__(self, health: Any = 200, models: Any = None, chat: Any = None) -> None:
        super().__init__("http://127.0.0.1:1/v1")
        self.replies = {
            "health": health,
            "models": OURS if models is None else models,
            "chat": TOKENS if chat is None else chat,
        }
        self.payloads: list[dict[str, Any]] = []

    def _reply(self, name: str) -> Any:
        reply = self.replies[name]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def health(self) -> int:
        return int(self._reply("health"))

    def models(self) -> list[dict[str, Any]]:
        return list(self._reply("models"))

    def chat(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.payloads.append(payload)
        return dict(self._reply("chat"))


def asked(model: str | None = "openai/gpt-oss-20b", **replies: Any) -> Readiness:
    readiness = Readiness(FakeApi(**replies), model)
    readiness.ask()
    return readiness


def test_ready_by_tokens_not_by_text() -> None:
    readiness = asked()
    assert readiness.ready and not readiness.refusal
    assert list(readiness.reached) == ["healthy", "model_listed", "first_completion"]
    assert isinstance(readiness.api, FakeApi)
    assert readiness.api.payloads[0]["model"] == "openai/gpt-oss-20b"


def test_without_a_model_the_first_listed_one_is_asked() -> None:
    readiness = asked(model=None, models=[{"id": "m"}])
    assert isinstance(readiness.api, FakeApi)
    assert readiness.ready and readiness.api.payloads[0]["model"] == "m"


PATIENT: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"health": REFUSED}, "healthy: no whole reply", []),
    ({"health": 503}, "/health answers 503, expected 200", []),
    ({"models": []}, "lists no model", ["healthy"]),
    ({"models": ApiError("status 503", 503)}, "model_listed: status 503", ["healthy"]),
    ({"chat": {"usage": {"completion_tokens": 0}}}, "no tokens", ["healthy", "model_listed"]),
    ({"chat": {"usage": None}}, "no tokens", ["healthy", "model_listed"]),
    ({"chat": ApiError("an error in a reply of status 200: died", 500)}, "died", ["healthy", "model_listed"]),
]


@pytest.mark.parametrize(("replies", "problem", "reached"), PATIENT)
def test_what_may_become_better(replies: dict[str, Any], problem: str, reached: list[str]) -> None:
    readiness = asked(**replies)
    assert not readiness.ready and not readiness.refusal
    assert problem in readiness.problem and list(readiness.reached) == reached


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"models": [{"id": "other"}]}, "expected a server of the model openai/gpt-oss-20b, found one of other"),
    ({"models": ApiError("status 401: Unauthorized", 401)}, "state: restarted"),
    ({"chat": ApiError("status 404: no such model", 404)}, "no such model"),
    ({"chat": ApiError("an error in a reply of status 200: bad", 400)}, "bad"),
]


@pytest.mark.parametrize(("replies", "refusal"), REFUSALS)
def test_what_will_not(replies: dict[str, Any], refusal: str) -> None:
    readiness = asked(**replies)
    assert not readiness.ready and refusal in readiness.refusal


def test_a_server_that_dies_after_all_is_not_ready() -> None:
    readiness = asked()
    assert isinstance(readiness.api, FakeApi)
    readiness.api.replies["health"] = REFUSED
    readiness.ask()
    assert not readiness.ready and readiness.asked == 2


def test_no_question_takes_longer_than_is_left() -> None:
    readiness = Readiness(FakeApi(health=REFUSED), None)
    readiness.ask(2.0)
    assert readiness.api.timeout == 2.0
    readiness.ask(500.0)
    assert readiness.api.timeout == 5.0
    readiness.ask(-3.0)
    assert readiness.api.timeout == 1.0
