# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke refusal - checks that a server refuses what it must refuse, and with the right status."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, Reply
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import SmokeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_plan import headers_of

_UNKNOWN_MODEL = "no-such-model-of-the-smoke-test"
_PATHS = {
    "chat/completions": {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1},
    "responses": {"input": "Hello.", "max_output_tokens": 1},
}
_WRONG_KEY = "wrong-key-of-the-smoke-test"


def check_unknown_model(api: Api) -> str:
    """Return what the server says of a model that it does not serve. Raises SmokeError unless that is a 404."""
    for path, payload in _PATHS.items():
        reply = api.post(path, {"model": _UNKNOWN_MODEL, **payload}, headers_of("unknown model"))
        _expect_status(reply, (404, 404), f"a request for an unknown model by {path}")
    return _error_message(reply)


def check_bad_json(api: Api) -> str:
    """Return what the server says of a body that is not JSON. Raises SmokeError unless its status is 4xx."""
    for path in _PATHS:
        reply = api.post(path, '{"model": ', headers_of("bad JSON"))
        _expect_status(reply, (400, 499), f"a body that is not JSON by {path}")
    return _error_message(reply)


def check_key_required(api: Api) -> str:
    """Return what the server says without the key, and with a wrong one. Raises SmokeError unless that is a 401."""
    for key, manner in ((None, "without a key"), (_WRONG_KEY, "with a wrong key")):
        reply = Api(api.base_url, key, api.timeout).get("models")
        _expect_status(reply, (401, 401), f"a request {manner}")
    return _error_message(reply)


def _expect_status(reply: Reply, statuses: tuple[int, int], asked: str) -> None:
    if not statuses[0] <= reply.status <= statuses[1]:
        wanted = str(statuses[0]) if statuses[0] == statuses[1] else f"{statuses[0]} to {statuses[1]}"
        raise SmokeError(f"expected status {wanted} for {asked}, found {reply.status}: {reply.text[:200]!r}")
    if not _error_message(reply):
        raise SmokeError(f"expected an error body for {asked}, found {reply.text[:200]!r}")


def _error_message(reply: Reply) -> str:
    try:
        body = _json_text.loads(reply.text)
    except ValueError:
        return ""
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message or "").split())[:200]
