from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_refusal import (
    Asked,
    odd,
    refusal_of,
    unreachable,
    wait_of,
)

HUB = Asked("https://hub.example", "config.json of a/b at main")
NOW = 1_764_200_000.0  # Wed, 26 Nov 2025 23:33:20 GMT


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "Wed, 26 Nov 2025 23:34:20 GMT"}, 60.0),
        ({"retry-after": "Wed, 26 Nov 2025 23:30:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"ratelimit": '"resolvers";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api" ; r = 0 ; t = 7'}, 7.0),
        ({"ratelimit": '"api";r=12;t=55'}, None),
        ({"ratelimit": "nonsense"}, None),
        ({"retry-after": "3", "ratelimit": '"api";r=0;t=55'}, 3.0),
        ({"retry-after": "soon", "ratelimit": '"api";r=0;t=55'}, 55.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert wait_of(headers, NOW) == wait


@pytest.mark.parametrize(
    ("status", "code", "token", "at_hub", "final", "words"),
    [
        (401, "", False, True, True, "shows no config.json of a/b at main (status 401); correct repo_id"),
        (401, "RepoNotFound", False, True, True, "if the model is private, set token_file"),
        (401, "", True, True, True, "does not know the token of token_file (status 401, why); write a valid one"),
        (401, "GatedRepo", False, True, True, "only to accounts that were granted access (status 401); ask for it"),
        (403, "GatedRepo", True, True, True, "set token_file to the file of that account's token"),
        (403, "", True, True, True, "has no right to it; give it one"),
        (403, "", False, True, True, "it wants a token"),
        (403, "", False, False, False, "the signed address that https://hub.example gave"),
        (401, "", True, False, False, "the signed address that https://hub.example gave"),
        (404, "RevisionNotFound", False, True, True, "knows the model, but no config.json of a/b at main"),
        (404, "EntryNotFound", False, True, True, "leave the file out by ignore_patterns"),
        (404, "RepoNotFound", True, True, True, "to the token of token_file (status 404); correct repo_id"),
        (404, "", False, True, True, "correct repo_id"),
        (404, "", False, False, False, "was refused with status 404; run again"),
        (429, "", False, True, False, "429, too many requests"),
        (408, "", False, True, False, "status 408"),
        (416, "", False, False, False, "status 416"),
        (500, "", False, True, False, "answered status 500"),
        (503, "", False, False, False, "set endpoint to a mirror"),
        (400, "", False, True, True, "refused config.json of a/b at main with status 400 (why)"),
        (451, "", False, True, True, "status 451"),
        (302, "", False, True, False, "status 302"),
    ],
)
def test_refusals(status: int, code: str, token: bool, at_hub: bool, final: bool, words: str) -> None:
    headers = {"x-error-message": "why", "retry-after": "9", **({"x-error-code": code} if code else {})}
    found = refusal_of(status, headers, Asked(HUB.where, HUB.what, token, at_hub))
    assert words in found.text and HUB.what in found.text or "does not know the token" in found.text
    assert (found.final, found.wait, found.status) == (final, None if final else 9.0, status)


def test_what_is_no_answer_of_a_hub() -> None:
    text = odd(HUB, "JSON", "a page").text
    assert text.startswith("expected JSON from https://hub.example for config.json of a/b at main, found a page; ")
    assert text.endswith("such as a proxy that wants a log-in, or endpoint is no mirror of the Hub")
    found = unreachable(HUB, TimeoutError())
    assert "could not be fetched from https://hub.example: TimeoutError; check network" in found.text
    assert not found.final
