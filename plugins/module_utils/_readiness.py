# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: readiness - what a server answers to the questions that it must pass, one after the other, to be ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api_reply import completion_tokens

_PROMPT = "What is the capital of France?"
# A gpt-oss model may spend all of them on reasoning: tokens count, text does not.
_MAX_TOKENS = 16
_SHORT_TIMEOUT = 5.0
# The first completion may compile kernels.
_COMPLETION_TIMEOUT = 120.0
_REFUSED = (400, 401, 403, 404, 405, 422)
_KEY_REMEDY = "the server wants another API key than api_key_file holds; a key that was changed needs state: restarted"


class Refusal(Exception):
    """The server answers, and waiting will not make it better."""


@dataclass
class Readiness:
    """One server's way through health, model list and first completion.

    `reached` holds the wall-clock time (seconds since the epoch) at which each was first passed; `problem` says what
    is still missing, `refusal` why waiting is in vain.
    """

    api: Api
    model: str | None
    reached: dict[str, float] = field(default_factory=dict)
    problem: str = "not asked yet"
    refusal: str = ""
    asked: int = 0

    @property
    def ready(self) -> bool:
        """Tell whether the last questioning passed whole."""
        return not self.problem

    def ask(self, seconds: float = _COMPLETION_TIMEOUT) -> None:
        """Ask all questions, up to the first that does not pass; each may take `seconds` at most."""
        questions: tuple[tuple[str, Callable[[], str], float], ...] = (
            ("healthy", self._health, _SHORT_TIMEOUT),
            ("model_listed", self._models, _SHORT_TIMEOUT),
            ("first_completion", self._completion, _COMPLETION_TIMEOUT),
        )
        self.asked += 1
        for stage, question, timeout in questions:
            self.api.timeout = max(1.0, min(timeout, seconds))
            try:
                self.problem = question()
            except ApiError as exc:
                self.problem = f"{stage}: {exc}"
            except Refusal as exc:
                self.problem = self.refusal = f"{stage}: {exc}"
            if self.problem:
                return
            self.reached.setdefault(stage, time.time())

    def _health(self) -> str:
        status = self.api.health()
        return "" if status == 200 else f"/health answers {status}, expected 200"

    def _models(self) -> str:
        try:
            listed = [str(model.get("id")) for model in self.api.models()]
        except ApiError as exc:
            raise _refusal_or(exc) from exc
        if self.model is None or self.model in listed:
            return ""
        if listed:
            raise Refusal(
                f"expected a server of the model {self.model}, found one of {', '.join(listed)}; "
                "check served_model_name and arguments, or whether another server has this port"
            )
        return f"/v1/models lists no model, expected {self.model}"

    def _completion(self) -> str:
        payload = {
            "model": self.model or next((str(model.get("id")) for model in self.api.models()), ""),
            "messages": [{"role": "user", "content": _PROMPT}],
            "max_tokens": _MAX_TOKENS,
        }
        try:
            tokens = completion_tokens(self.api.chat(payload))
        except ApiError as exc:
            raise _refusal_or(exc) from exc
        return "" if tokens > 0 else "the first completion holds no tokens"


def _refusal_or(exc: ApiError) -> Exception:
    if exc.status not in _REFUSED:
        return exc
    return Refusal(f"{exc}; {_KEY_REMEDY}" if exc.status in (401, 403) else str(exc))
