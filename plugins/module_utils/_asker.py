# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: asker, puts one sample to the server, retries what can pass, and says what became of it."""

from __future__ import annotations

import asyncio
import random
import time
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _outcomes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import (
    Connection,
    DroppedError,
    Endpoint,
    HttpError,
    RequestTimeout,
    Response,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark, classify
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import Reply, ReplyError, Sampler, error_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._steady_time import steady_time
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, grade

RETRIED_STATUSES = frozenset((408, 429, 500, 502, 503, 504))
# A key or a model that was right when the run began is so no more: each further sample would fare the same.
FATAL_STATUSES = frozenset((401, 403, 404))
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A server that asks for an hour's patience may be free again in a minute: it is asked again after so many seconds.
LONGEST_WISH = 60.0
# A server that refuses so many samples of a cell, and has answered none of it, refuses them all.
MOST_REFUSED = 16
_FEWEST_FAILURES = 8


class ServerFailure(Exception):
    """The server, not one sample, is at fault: the run cannot go on."""


class HandedBack(Exception):
    """The server is down, or does not answer this sample, and others may. ``attempts`` were made so far."""

    def __init__(self, attempts: int) -> None:
        super().__init__(attempts)
        self.attempts = attempts


class _Passing(Exception):
    """A failure that may pass."""

    def __init__(self, text: str, outcome: str = _outcomes.ERROR, retry_after: Optional[float] = None) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.retry_after = retry_after


class _Held(Exception):
    """The request was dropped as the server is down."""


class _Refusal(Exception):
    """The server will not answer this request."""


class Limits(NamedTuple):
    """Seconds one request may take, for how long after its first failure a sample is asked again, and how often."""

    request_timeout: float
    retry_timeout: float
    max_attempts: int


class Pulse:
    """How the server fares, as all workers see it together."""

    def __init__(self, workers: int) -> None:
        self.last_success = time.monotonic()
        self.trouble = ""
        self._given_up = 0
        self._most_given_up = max(workers, _FEWEST_FAILURES)

    def success(self) -> None:
        """A sample was answered."""
        self.last_success = time.monotonic()
        self.trouble = ""
        self._given_up = 0

    def given_up(self) -> bool:
        """A sample was given up with no success in between; return whether these are too many for chance."""
        self._given_up += 1
        return self._given_up >= self._most_given_up


class Asker:
    """Asks a cell's samples with its sampler; shared by all workers, each of which brings its connection.

    ``answered`` says whether the server has answered samples of this cell before, ``alone`` whether it is the only one
    that answers this eval: else what it is asked while it is down is handed back. A request's name has the effort and
    the attempt in it, as cells are asked side by side: vLLM takes it for the request's identity, and refuses one that
    is under way already.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sampler: Sampler,
        limits: Limits,
        pulse: Pulse,
        gate: Gate,
        effort: str = "low",
        answered: bool = False,
        alone: bool = True,
    ) -> None:
        self._endpoint = endpoint
        self._sampler = sampler
        self._limits = limits
        self._pulse = pulse
        self._gate = gate
        self._effort = effort
        self._answered = answered
        self._alone = alone
        self._refused = 0

    async def ask(self, connection: Connection, sample: Sample, attempts: int = 0) -> tuple[dict[str, Any], Mark]:
        """Return the sample's journal row and its mark; ``attempts`` were made before.

        ServerFailure when the run cannot go on, HandedBack when others are to answer the sample.
        """
        body = self._sampler.body(sample.prompt)
        started = steady_time()
        first_failure: Optional[float] = None
        tries = 0
        while True:
            if not (self._alone or self._gate.is_open):
                raise HandedBack(attempts)
            if await self._gate.passed():  # what failed because the server was down is forgiven
                first_failure, tries = None, 0
            attempts += 1
            tries += 1
            resent = connection.resent
            try:
                reply = await self._attempt(connection, body, f"{sample.request_id}/{self._effort}/{attempts}")
            except _Refusal as exc:
                self._count_refusal(str(exc))
                return _failed(sample, _outcomes.REFUSED, str(exc), started, attempts)
            except _Held:
                continue
            except _Passing as exc:
                self._pulse.trouble = str(exc)
                now = time.monotonic()
                first_failure = first_failure or now
                left = first_failure + self._limits.retry_timeout - now
                if left <= 0 or tries >= self._limits.max_attempts:
                    await self._gate.settled()
                    if not self._gate.is_open:
                        continue
                    self._give_up(first_failure, str(exc))
                    if not self._alone and attempts == tries:
                        raise HandedBack(attempts) from exc  # once: another may answer what this one does not
                    return _failed(sample, exc.outcome, str(exc), started, attempts)
                await asyncio.sleep(min(left, retry_delay(tries, exc.retry_after)))
            else:
                self._pulse.success()
                self._answered = True
                return _answered(sample, reply, started, attempts + connection.resent - resent)

    def _count_refusal(self, text: str) -> None:
        self._pulse.success()
        self._refused += 1
        if not self._answered and self._refused >= MOST_REFUSED:
            raise ServerFailure(
                f"the server at {self._endpoint.authority} refuses this eval's requests ({self._refused} of "
                f"{self._refused}): {text}; correct the server or the eval's parameters"
            )

    async def _attempt(self, connection: Connection, body: bytes, request_id: str) -> Reply:
        try:
            response = await connection.post(self._sampler.path, body, request_id, self._limits.request_timeout)
        except RequestTimeout as exc:
            raise _Passing(str(exc), _outcomes.TIMEOUT) from exc
        except DroppedError as exc:
            raise _Held from exc
        except HttpError as exc:
            self._gate.suspect()
            raise _Passing(str(exc)) from exc
        if response.status == 200:
            try:
                return self._sampler.parse(response.body)
            except ReplyError as exc:
                raise _failure(exc.status, exc.text, response) from exc
        raise _failure(response.status, error_text(response.body), response)

    def _give_up(self, first_failure: float, text: str) -> None:
        """Return when the sample alone is at fault; ServerFailure when the server, though it lives, answers none."""
        if self._pulse.last_success > first_failure:
            return
        if self._pulse.given_up():
            raise ServerFailure(f"the server at {self._endpoint.authority} answers no request any more: {text}")


def retry_delay(attempt: int, retry_after: Optional[float]) -> float:
    """Return the seconds before the next attempt: doubling up to a cap, or the server's wish if it is longer.

    Jitter parts crowds. A wish for less is none: a server that says 0 to a thousand clients is asked at once by all.
    """
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
    return max(delay, min(LONGEST_WISH, retry_after or 0.0) * random.uniform(1.0, 1.1))


def parse_retry_after(value: Optional[str], now: float) -> Optional[float]:
    """Return the seconds a Retry-After header asks for, given as a number or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (OverflowError, TypeError, ValueError):
        return None


def _failure(status: int, text: str, response: Response) -> Exception:
    told = f"HTTP {status}: {text}"
    if status in RETRIED_STATUSES:
        return _Passing(told, retry_after=parse_retry_after(response.headers.get("retry-after"), time.time()))
    if status in FATAL_STATUSES:
        return ServerFailure(f"the server began to refuse all requests in mid-run: {told}")
    if 300 <= status < 400:
        told += f" (a redirect to {response.headers.get('location')}: give that address as base_url)"
    return _Refusal(told)


def _answered(sample: Sample, reply: Reply, started: float, attempts: int) -> tuple[dict[str, Any], Mark]:
    finished = steady_time()
    verdict = grade(sample.task, sample.target, reply.text)
    outcome = classify(verdict.score == 1.0, verdict.parsed, reply.finish_reason)
    row = {
        "question": sample.question,
        "repeat": sample.repeat,
        "permutation": sample.permutation,
        "outcome": outcome,
        "score": verdict.score,
        "extracted": verdict.extracted,
        "parsed": verdict.parsed,
        "target": sample.target,
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "reasoning_tokens": reply.reasoning_tokens,
        "seconds": round(finished - started, 6),
        "finished": round(finished, 6),
        "attempts": attempts,
    }
    tokens = (reply.prompt_tokens or 0, reply.completion_tokens or 0, reply.reasoning_tokens or 0)
    return row, Mark(
        outcome,
        *tokens,
        started,
        finished,
        finish_reason=reply.finish_reason,
        parsed=verdict.parsed,
        empty=not reply.text,
        extracted=verdict.extracted,
        permutation=tuple(sample.permutation),
    )


def _failed(sample: Sample, outcome: str, error: str, started: float, attempts: int) -> tuple[dict[str, Any], Mark]:
    finished = steady_time()
    row = {
        "question": sample.question,
        "repeat": sample.repeat,
        "permutation": sample.permutation,
        "outcome": outcome,
        "score": None,
        "target": sample.target,
        "error": error,
        "seconds": round(finished - started, 6),
        "finished": round(finished, 6),
        "attempts": attempts,
    }
    return row, Mark(outcome, 0, 0, 0, started, finished, error)
