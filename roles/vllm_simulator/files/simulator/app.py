# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: app, the endpoints: who may ask, what is refused, what a request is answered with."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

from simulator import chat, log, responses, shapes, texts
from simulator.answers import Generation, Model, Prompt
from simulator.arguments import Arguments
from simulator.configuration import EFFORTS, Configuration
from simulator.faults import Fault, RequestFaults
from simulator.hashing import short_hex
from simulator.http import PHRASES, Reply, Request
from simulator.metrics import Metrics
from simulator.refusals import LONGEST
from simulator.shapes import Context, RequestError

_LITERALS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_EXPECTED = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'"
_DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
_HINT = "the simulator's data files differ from those of the eval: no option of {0} holds its right answer"

Ask = tuple[Prompt, Callable[[Generation, Context], Reply]]


class App:
    """Answers requests. `dead` is set when the engine is gone; `served` counts generations."""

    def __init__(self, arguments: Arguments, configuration: Configuration, model: Model) -> None:
        self._arguments = arguments
        self._configuration = configuration
        self._model = model
        self._faults = RequestFaults(configuration.faults, configuration.seed)
        self._keys = {
            f"Bearer {key}" for key in [*(arguments.api_key or []), os.environ.get("VLLM_API_KEY", "")] if key
        }
        self._names = arguments.served_model_name
        self._started = int(time.time())
        self._serial = 0
        self._quiet = set((arguments.disable_access_log_for_endpoints or "").split(","))
        self._fingerprint = f"vllm-{configuration.version}-{short_hex(configuration.version.encode())[:8]}"
        self.metrics = Metrics(self._names[0])
        self.dead = False
        self.served = 0
        self._asks: dict[str, Callable[[Request], Ask]] = {
            "/v1/chat/completions": self._ask_chat,
            "/v1/responses": self._ask_responses,
            "/v1/completions": self._ask_completions,
        }
        self._pages: dict[str, Callable[[], Reply]] = {
            "/health": lambda: Reply(503 if self.dead else 200),
            "/ping": lambda: Reply(503 if self.dead else 200),
            "/version": lambda: _json({"version": f"{configuration.version}+simulator"}),
            "/load": lambda: _json({"server_load": self.metrics.running}),
            "/metrics": self._show_metrics,
            "/v1/models": lambda: _json(self._models()),
        }

    def handle(self, request: Request) -> Reply:
        """Answer one request, and log it as configured."""
        reply = self._route(request)
        wanted = self._configuration.access_log
        if wanted is None:
            wanted = request.path not in self._asks
        if wanted and request.path not in self._quiet and not self._arguments.disable_uvicorn_access_log:
            log.access(request.client, request.method, request.path, reply.status, PHRASES.get(reply.status, ""))
        return reply

    def dead_reply(self) -> Reply:
        """Return what a request gets whose engine died."""
        error = RequestError(500, _DEAD, "InternalServerError")
        return _json(error.body, 500)

    def _route(self, request: Request) -> Reply:
        ask = self._asks.get(request.path)
        if request.path.startswith("/v1") and self._keys and request.headers.get("authorization") not in self._keys:
            return _json({"error": "Unauthorized"}, 401)
        if ask is not None:
            return (
                self._generate(request, ask)
                if request.method == "POST"
                else _json({"detail": "Method Not Allowed"}, 405)
            )
        page = self._pages.get(request.path)
        if page is None:
            return _json({"detail": "Not Found"}, 404)
        if request.method not in ("GET", "HEAD") and request.path != "/ping":
            return _json({"detail": "Method Not Allowed"}, 405)
        reply = page()
        return reply._replace(body=b"") if request.method == "HEAD" else reply

    def _generate(self, request: Request, ask: Callable[[Request], Ask]) -> Reply:
        try:
            prompt, shape = ask(request)
        except RequestError as error:
            return _json(error.body, error.status)
        if self.dead:
            return self.dead_reply()
        identity = self._model.identify(prompt)
        fault = self._faults.choose(identity.name, prompt.effort)
        if fault is not None and fault.kind == "status":
            return _status(fault)
        self.served += 1
        generation = self._model.generate(prompt, identity)
        if (
            identity.question is not None
            and identity.question.task == "gpqa"
            and not identity.question.letter(prompt.text)
        ):
            self._complain(identity.name)
        if fault is not None:
            generation = _spoil(generation, fault)
        reply = shape(generation, self._context(prompt))
        accident = fault.kind if fault is not None and fault.kind in ("reset", "stall", "truncated") else None
        delay = self._configuration.latency_seconds
        if accident == "stall" and fault is not None and fault.seconds is not None:
            accident, delay = None, fault.seconds
        return reply._replace(delay=delay, accident=accident, done=self._count(generation))

    def _count(self, generation: Generation) -> Callable[[bool], None]:
        begun = time.monotonic()
        self.metrics.start()
        return lambda sent: self.metrics.finish(generation if sent else None, time.monotonic() - begun)

    def _complain(self, name: str) -> None:
        log.line("APIServer", os.getpid(), "simulator", _HINT.format(name), "WARNING")

    def _context(self, prompt: Prompt) -> Context:
        self._serial += 1
        name = prompt.request_id or short_hex(b"%d/%d" % (self._started, self._serial))
        interval = max(1, self._arguments.stream_interval)
        return Context(name, self._names[0], int(time.time()), self._fingerprint, interval)

    def _parse(self, request: Request, field: str) -> dict[str, Any]:
        payload = shapes.parse_body(request.body)
        if payload.get(field) is None:
            raise shapes.invalid("missing", f"body.{field}", "Field required", f", 'input': {payload!r}")
        name = payload.get("model")
        if name is not None and name not in self._names:
            message = f"The model `{name}` does not exist. Valid aliases: {', '.join(self._names)}."
            raise RequestError(404, message, "NotFoundError", "model")
        return payload

    def _ask_chat(self, request: Request) -> Ask:
        payload = self._parse(request, "messages")
        limit = _limit(payload, "max_completion_tokens", "max_tokens")
        effort = _effort(payload.get("reasoning_effort"), "body.reasoning_effort")
        prompt = _prompt(request, chat.prompt_text(payload["messages"]), effort, limit)
        include = bool((payload.get("stream_options") or {}).get("include_usage"))
        if payload.get("stream"):
            return prompt, lambda generation, context: _events(chat.stream(generation, context, include))
        return prompt, lambda generation, context: _json(chat.completion(generation, context))

    def _ask_responses(self, request: Request) -> Ask:
        payload = self._parse(request, "input")
        reasoning = payload.get("reasoning")
        effort = _effort(reasoning.get("effort") if isinstance(reasoning, dict) else None, "body.reasoning.effort")
        limit = _limit(payload, "max_output_tokens")
        prompt = _prompt(request, responses.prompt_text(payload["input"]), effort, limit)
        if payload.get("stream"):
            return prompt, lambda generation, context: _events(responses.stream(generation, context, payload))
        return prompt, lambda generation, context: _json(responses.response(generation, context, payload))

    def _ask_completions(self, request: Request) -> Ask:
        payload = self._parse(request, "prompt")
        prompt = _prompt(request, str(payload["prompt"]), "medium", _limit(payload, "max_tokens"))
        return prompt, lambda generation, context: _json(chat.text_completion(generation, context))

    def _show_metrics(self) -> Reply:
        return Reply(200, self.metrics.exposition().encode(), "text/plain; version=1.0.0; charset=utf-8")

    def _models(self) -> dict[str, Any]:
        return {"object": "list", "data": [self._model_card(name) for name in self._names]}

    def _model_card(self, name: str) -> dict[str, Any]:
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


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, shapes.dump(value))


def _events(pieces: list[bytes]) -> Reply:
    return Reply(200, content_type="text/event-stream; charset=utf-8", pieces=pieces)


def _status(fault: Fault) -> Reply:
    headers = () if fault.retry_after is None else (("retry-after", f"{fault.retry_after:g}"),)
    text = fault.text if fault.text is not None else f"Simulated fault: status {fault.status}."
    kinds: Mapping[int, str] = {429: "RateLimitError", 503: "ServiceUnavailableError", 400: "BadRequestError"}
    error = RequestError(fault.status, text, kinds.get(fault.status, "InternalServerError"))
    return Reply(fault.status, json.dumps(error.body).encode(), headers=headers)


def _spoil(generation: Generation, fault: Fault) -> Generation:
    """Return the generation that a fault leaves of the right one."""
    if fault.kind == "empty":
        return Generation([], "", generation.prompt_tokens, 1)
    if fault.kind == "gibberish":
        return Generation(
            generation.reasoning, texts.gibberish(24), generation.prompt_tokens, generation.completion_tokens
        )
    if fault.kind == "length":
        words = generation.reasoning
        return Generation(words, "", generation.prompt_tokens, len(words) + 3, "length")
    return generation


def _prompt(request: Request, text: str, effort: str, limit: Optional[int]) -> Prompt:
    return Prompt(text, effort, limit, request.headers.get("x-request-id", ""), request.body)


def _limit(payload: dict[str, Any], *names: str) -> Optional[int]:
    for name in names:
        value = payload.get(name)
        if value is None:
            continue
        if not isinstance(value, int):
            message = "Input should be a valid integer, unable to parse string as an integer"
            raise shapes.invalid("int_parsing", f"body.{name}", message, f", 'input': {value!r}")
        if value < 1:
            raise RequestError(400, f"{name} must be at least 1, got {value}.", "BadRequestError", name)
        return value
    return None


def _effort(value: Any, location: str) -> str:
    if value is None:
        return "medium"
    if value not in _LITERALS:
        context = f", 'input': {value!r}, 'ctx': {{'expected': {_EXPECTED!r}}}"
        raise shapes.invalid("literal_error", location, f"Input should be {_EXPECTED}", context)
    if value not in EFFORTS:
        message = f"reasoning_effort={value!r} is not supported by Harmony. Supported values are: high, medium, low."
        raise RequestError(400, message, "BadRequestError", "reasoning_effort")
    return str(value)
