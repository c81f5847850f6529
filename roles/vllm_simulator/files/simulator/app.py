# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: app, the endpoints: who may ask, what is refused, what a request is answered with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator import asks, log
from simulator.answers import Generation, Identity, Model, Prompt
from simulator.arguments import Arguments
from simulator.asks import Ask, json_reply
from simulator.configuration import Configuration
from simulator.conventions import conventions_of
from simulator.faults import Fault, RequestFaults
from simulator.guards import load_guards
from simulator.hashing import short_hex
from simulator.http import PHRASES, Reply, Request
from simulator.logprobs import Weights
from simulator.metrics import Metrics
from simulator.refusals import LONGEST
from simulator.shapes import Context, RequestError
from simulator.spoiling import error_as_200, spoil, spoil_prompt, spoil_reply
from simulator.work import Clock

_DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
_HINT = "the simulator's data files differ from those of the eval: no option of {0} holds its right answer"
_ASKS: Mapping[str, Callable[[Request, Sequence[str]], Ask]] = {
    "/v1/chat/completions": asks.ask_chat,
    "/v1/responses": asks.ask_responses,
    "/v1/completions": asks.ask_completions,
}
_KINDS = {400: "BadRequestError", 429: "RateLimitError", 503: "ServiceUnavailableError"}


class App:
    """Answers requests. `dead` is set when the engine is gone; `served` counts generations.

    `look_at_engine` says whether the engine is stopped.
    """

    def __init__(self, arguments: Arguments, configuration: Configuration, model: Model) -> None:
        self._arguments = arguments
        self._configuration = configuration
        self._model = model
        self._faults = RequestFaults(configuration.faults, configuration.seed)
        keys = [*(arguments.api_key or []), os.environ.get("VLLM_API_KEY", "")]
        self._credentials = {f"Bearer {key}" for key in keys if key}
        self._guards = load_guards(arguments.middleware)
        self._names = arguments.served_model_name
        self._started = int(time.time())
        self._serial = 0
        self._quiet = set((arguments.disable_access_log_for_endpoints or "").split(","))
        self._fingerprint = f"vllm-{configuration.version}-{short_hex(configuration.version.encode())[:8]}"
        self._clock = Clock()
        self._conventions = conventions_of(configuration.version)
        self._weights = Weights(configuration.weights, configuration.logprob_noise, configuration.seed)
        self.metrics = Metrics(self._names[0], self._clock)
        self.dead = False
        self.served = 0
        self.look_at_engine: Callable[[], bool] = lambda: False
        self._pages: dict[str, Callable[[], Reply]] = {
            "/health": lambda: Reply(503 if self.dead else 200),
            "/ping": lambda: Reply(503 if self.dead else 200),
            "/version": lambda: json_reply({"version": f"{configuration.version}+simulator"}),
            "/load": lambda: json_reply({"server_load": self.metrics.running}),
            "/metrics": self._show_metrics,
            "/v1/models": lambda: json_reply({"object": "list", "data": [self._card(name) for name in self._names]}),
        }

    def handle(self, request: Request) -> Reply:
        """Answer one request, and log it as configured."""
        reply = self._route(request)
        wanted = self._configuration.access_log
        if wanted is None:
            wanted = request.path not in _ASKS
        if wanted and request.path not in self._quiet and not self._arguments.disable_uvicorn_access_log:
            log.access(request.client, request.method, request.path, reply.status, PHRASES.get(reply.status, ""))
        return reply

    def notice_stop(self) -> None:
        """Take notice of whether the engine is stopped: then requests are taken, nothing moves, and /health is 200."""
        stopped = self.look_at_engine()
        if stopped and not self._clock.stopped:
            self._clock.stop()
            self.metrics.stop()
        elif not stopped and self._clock.stopped:
            self._clock.go_on()
            self.metrics.go_on()

    def dead_reply(self) -> Reply:
        """Return what a request gets whose engine died."""
        return json_reply(RequestError(500, _DEAD, "InternalServerError").body, 500)

    def _route(self, request: Request) -> Reply:
        admitted = all(admits(request.method, request.path, request.headers) for admits in self._guards)
        guarded = request.path.startswith("/v1") and self._credentials
        if not admitted or (guarded and request.headers.get("authorization") not in self._credentials):
            return json_reply({"error": "Unauthorized"}, 401)
        page = self._pages.get(request.path)
        if page is None and request.path not in _ASKS:
            return json_reply({"detail": "Not Found"}, 404)
        allowed = ("GET", "HEAD") if page is not None else ("POST",)
        if request.method not in allowed and request.path != "/ping":
            return json_reply({"detail": "Method Not Allowed"}, 405)
        if page is None:
            return self._generate(request)
        return page()._replace(body=b"") if request.method == "HEAD" else page()

    def _generate(self, request: Request) -> Reply:
        try:
            prompt, shape = _ASKS[request.path](request, self._names)
        except RequestError as error:
            return self._refuse(request, error)
        if self.dead:
            return self.dead_reply()
        identity = self._model.identify(prompt)
        fault = self._faults.choose(identity.name, prompt.effort)
        if fault is not None and fault.kind == "status":
            return _status(fault)
        self.served += 1
        self._compare(identity, prompt)
        generation = spoil(self._model.generate(spoil_prompt(prompt, fault), identity), fault)
        reply = spoil_reply(shape(generation, self._context(prompt)), fault)
        delay = self._configuration.latency_seconds
        accident = fault.kind if fault is not None and fault.kind in ("reset", "stall", "truncated") else None
        if fault is not None and fault.kind == "stall" and fault.seconds is not None:
            accident, delay = None, fault.seconds
        prefill = self._configuration.prefill_seconds
        done = self._count(generation, prefill, delay)
        return reply._replace(delay=delay, prefill=prefill, held=self._is_held, accident=accident, done=done)

    def _refuse(self, request: Request, error: RequestError) -> Reply:
        reply = json_reply(error.body, error.status)
        fault = self._faults.choose(request.headers.get("x-request-id", "other"), "")
        return error_as_200(error, reply) if fault is not None and fault.kind == "error_as_200" else reply

    def _compare(self, identity: Identity, prompt: Prompt) -> None:
        """Say so when the prompt cannot come from the simulator's own data."""
        question = identity.question
        if question is not None and question.form == "choice" and question.letter(prompt.text) is None:
            log.line("APIServer", os.getpid(), "simulator", _HINT.format(identity.name), "WARNING")

    def _count(self, generation: Generation, prefill: float, seconds: float) -> Callable[[bool], None]:
        work = self.metrics.start(generation, prefill, seconds)
        return lambda sent: self.metrics.finish(work, sent)

    def _is_held(self) -> bool:
        return self._clock.stopped and not self.dead

    def _context(self, prompt: Prompt) -> Context:
        self._serial += 1
        name = prompt.request_id or short_hex(b"%d/%d" % (self._started, self._serial))
        interval = max(1, self._arguments.stream_interval)
        created = int(time.time())
        return Context(name, self._names[0], created, self._fingerprint, interval, self._conventions, self._weights)

    def _show_metrics(self) -> Reply:
        # Since the last glance it may have been stopped: the counters of a stopped engine must not move once more.
        self.notice_stop()
        return Reply(200, self.metrics.exposition().encode(), "text/plain; version=1.0.0; charset=utf-8")

    def _card(self, name: str) -> dict[str, Any]:
        permission = {
            "id": f"modelperm-{short_hex(name.encode())}",
            "object": "model_permission",
            "created": self._started,
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        return {
            "id": name,
            "object": "model",
            "created": self._started,
            "owned_by": "vllm",
            "root": self._arguments.model,
            "parent": None,
            "max_model_len": self._arguments.max_model_len or LONGEST,
            "permission": [permission],
        }


def _status(fault: Fault) -> Reply:
    headers = () if fault.retry_after is None else (("retry-after", f"{fault.retry_after:g}"),)
    text = fault.text if fault.text is not None else f"Simulated fault: status {fault.status}."
    error = RequestError(fault.status, text, _KINDS.get(fault.status, "InternalServerError"))
    return json_reply(error.body, fault.status)._replace(headers=headers)
