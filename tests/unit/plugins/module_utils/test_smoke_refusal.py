from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _smoke_refusal as refusal
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, Reply
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import SmokeError
from replies import FOLDER, NEW, OLD

UNAUTHORIZED = Reply(401, {}, '{"error":"Unauthorized"}')


def real(version: str, name: str) -> str:
    return (FOLDER / version / f"{name}.json").read_text()


class OneReply(Api):
    """Answers each request alike, and keeps what it was asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__("http://127.0.0.1:1/v1")
        self.reply = Reply(status, {}, text)
        self.asked: list[tuple[str, Any]] = []

    def post(self, path: str, payload: dict[str, Any] | str, headers: Mapping[str, str] | None = None) -> Reply:
        self.asked.append((path, payload))
        return self.reply


@pytest.mark.parametrize(
    ("check", "status", "text", "said"),
    [
        (refusal.check_unknown_model, 404, real(NEW, "wrong-model"), "The model `nope` does not exist. Valid"),
        (refusal.check_unknown_model, 404, real(OLD, "wrong-model"), "The model `nope` does not exist."),
        (refusal.check_bad_json, 400, real(NEW, "bad-json"), "1 validation error"),
        (refusal.check_bad_json, 422, '{"message": "no JSON"}', "no JSON"),
    ],
)
def test_real_refusals_pass(check: Callable[[Api], str], status: int, text: str, said: str) -> None:
    api = OneReply(status, text)
    assert check(api).startswith(said)
    assert [path for path, _payload in api.asked] == ["chat/completions", "responses"]


@pytest.mark.parametrize(
    ("check", "status", "text", "expected"),
    [
        (refusal.check_unknown_model, 200, real(NEW, "chat-low"), "expected status 404 .* chat/completions, found 200"),
        (refusal.check_unknown_model, 200, real(NEW, "wrong-model"), "expected status 404 .* found 200"),
        (refusal.check_unknown_model, 500, "", "found 500"),
        (refusal.check_unknown_model, 404, '{"detail":"Not Found"}', "expected an error body"),
        (refusal.check_unknown_model, 404, "<html>nginx</html>", "expected an error body"),
        (refusal.check_bad_json, 500, '{"error":{"message":"x"}}', "expected status 400 to 499 .* found 500"),
        (refusal.check_bad_json, 200, real(NEW, "bad-json"), "found 200"),
    ],
)
def test_what_is_not_refused_as_it_must(check: Callable[[Api], str], status: int, text: str, expected: str) -> None:
    with pytest.raises(SmokeError, match=expected):
        check(OneReply(status, text))


@pytest.mark.parametrize(
    ("open_to", "expected"),
    [
        ((), ""),
        ((None,), "expected status 401 for a request without a key, found 200"),
        (("wrong-key-of-the-smoke-test",), "expected status 401 for a request with a wrong key, found 200"),
    ],
)
def test_a_key_is_required(open_to: tuple[str | None, ...], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(self: Api, path: str) -> Reply:
        assert path == "models"
        return Reply(200, {}, real(NEW, "models")) if self._key in open_to else UNAUTHORIZED

    monkeypatch.setattr(Api, "get", get)
    api = Api("http://127.0.0.1:1/v1", "right")
    if not expected:
        assert refusal.check_key_required(api) == "Unauthorized"
        return
    with pytest.raises(SmokeError, match=expected):
        refusal.check_key_required(api)
