# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small, fast server that speaks vLLM's APIs, for tests and benchmarks of the eval client.

usage: eval_server.py PORT [JSON]     settings, all optional:
  hold (park all requests after so many replies, until it is raised or null),
  context (tokens: requests for more are refused),
  seats (how many of the requests under way are said to run),
  latency (s; or {"lognormal": [median, sigma]}: by question, a fifth of the variance by request; tokens alike),
  by_prompt (let the reply depend on the prompt alone, where else it depends on the request's id),
  model, version, words (length of a reply), word, log (file: one line "request-id status" per request),
  fault: {"kind": "status"|"reset"|"half"|"stall"|"empty"|"length"|"close", "status": 503, "retry_after": "0",
          "every": 10 (hit one request in so many, by its id), "times": 1 (so often each), "path": "/v1"}
POST /settings replaces settings while it runs; GET /window tells seconds from the first request to the last reply, the
latencies' sum and longest, the connections that are open, and how often the counters were read; GET /metrics tells what
an engine counts.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
import time
import zlib
from collections import Counter
from typing import Any

import httptools

SETTINGS: dict[str, Any] = {"latency": 0.0, "model": "test-model", "version": "0.0-test", "words": 40, "context": None}
SETTINGS |= {"word": "word", "seats": 100000}
STARTED = time.time()
SEEN: Counter[str] = Counter()
PARKED: list[tuple[Handler, dict[str, Any], str]] = []
CLOCK = {"first": 0.0, "last": 0.0, "requests": 0, "flying": 0, "most": 0, "replies": 0, "open": 0}
CLOCK |= {"busy": 0.0, "longest": 0.0}  # seconds
CLOCK |= {"looks": 0}  # how often the counters were read


def answer(request_id: str, words: int) -> str:
    """Return the reply to a sample: it depends on nothing but the sample."""
    number = zlib.crc32(request_id.encode())
    tail = (
        f"The answer is \\boxed{{{number % 1000}}}"
        if request_id.startswith("aime")
        else f"Answer: {'ABCD'[number % 4]}"
    )
    return f"{SETTINGS['word']} " * words + "\n\n" + tail


def latency_of(request_id: str) -> float:
    """Return how long a sample takes: the same in each run, and much alike for all repeats of a question."""
    setting = SETTINGS["latency"]
    if not isinstance(setting, dict):
        return float(setting)
    median, sigma = setting["lognormal"]
    own = random.Random(request_id.rpartition("/")[0]).gauss(0, 1)
    noise = random.Random(request_id).gauss(0, 1)
    return float(median * math.exp(sigma * (math.sqrt(0.8) * own + math.sqrt(0.2) * noise)))


def reply_to(path: str, request_id: str, body: dict[str, Any], fault: str = "") -> dict[str, Any]:
    """Return a reply; with the fault "empty" it has no text, with "length" it was cut off before its answer."""
    tokens = max(6, round(100 * latency_of(request_id))) if isinstance(SETTINGS["latency"], dict) else 20
    if SETTINGS.get("by_prompt"):
        prompt = (body.get("input") or body.get("messages"))[-1]["content"]
        request_id = f"{'aime25' if 'boxed' in prompt else 'gpqa'}/{prompt}"
    cut = fault == "length"
    text = "word " * SETTINGS["words"] if cut else "" if fault == "empty" else answer(request_id, SETTINGS["words"])
    if path.endswith("/responses"):
        return {
            "id": "resp_1", "status": "incomplete" if cut else "completed", "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "output": [
                {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
            ],
            "usage": {"input_tokens": 60, "output_tokens": tokens, "output_tokens_details": {"reasoning_tokens": 5}},
            "object": "response", "model": body["model"], "created_at": 1,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        }  # fmt: skip
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [
            {
                "index": 0, "finish_reason": "length" if cut else "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": tokens, "total_tokens": 60 + tokens},
    }  # fmt: skip


class Handler(asyncio.Protocol):
    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.reset()

    def reset(self) -> None:
        self.path, self.request_id, self.body = "", "", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        CLOCK["open"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        CLOCK["open"] -= 1

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            # Less what tells requests of one sample apart: the effort, the attempt.
            self.request_id = "/".join(value.decode().split("/")[:3])

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path, request_id, body = self.path, self.request_id, self.body
        self.reset()
        if self.parser.get_method() == b"GET":
            self.get(path)
        elif path == "/settings":
            SETTINGS.update(json.loads(body))
            self.send(200, {})
            parked, PARKED[:] = PARKED[:], []
            for handler, document, name in parked:
                handler.finish(document, name)
        else:
            self.generate(path, request_id, json.loads(body))

    def get(self, path: str) -> None:
        if path == "/metrics":
            CLOCK["looks"] += 1
            self.write(200, metrics().encode(), "text/plain")
            return
        context = SETTINGS["context"] or 131072
        pages = {
            "/health": {},
            "/version": {"version": SETTINGS["version"]},
            "/v1/models": {
                "object": "list",
                "data": [{"id": SETTINGS["model"], "max_model_len": context}],
            },
            "/window": {**CLOCK, "seconds": CLOCK["last"] - CLOCK["first"]},
        }
        self.send(200 if path in pages else 404, pages.get(path, {"detail": "Not Found"}))

    def generate(self, path: str, request_id: str, body: dict[str, Any]) -> None:
        CLOCK["first"] = CLOCK["first"] or time.monotonic()
        CLOCK["requests"] += 1
        CLOCK["flying"] += 1
        CLOCK["most"] = max(CLOCK["most"], CLOCK["flying"])
        request_id = request_id or f"gpqa/{zlib.crc32(json.dumps(body).encode())}/0"
        SEEN[request_id] += 1
        fault = SETTINGS.get("fault") or {}
        if (
            fault
            and zlib.crc32(request_id.encode()) % fault.get("every", 1) == 0
            and SEEN[request_id] <= fault.get("times", 1)
        ):
            if fault["kind"] not in ("empty", "length"):
                self.fail(fault, request_id)
                return
        else:
            fault = {}
        limit = body.get("max_output_tokens") or body.get("max_tokens") or 0
        if SETTINGS["context"] and limit + 60 > SETTINGS["context"]:
            CLOCK["flying"] -= 1
            note(request_id, "400")
            text = f"max_tokens={limit} cannot be greater than max_model_len={SETTINGS['context']}"
            self.send(400, {"error": {"message": text, "code": 400}})
            return
        if body.get("stream"):
            CLOCK["flying"] -= 1
            note(request_id, "stream")
            head = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.transport.write(head.encode())
            return
        latency = latency_of(request_id)
        CLOCK["busy"] += latency
        CLOCK["longest"] = max(CLOCK["longest"], latency)
        loop = asyncio.get_running_loop()
        loop.call_later(latency, self.finish, reply_to(path, request_id, body, fault.get("kind", "")), request_id)

    def finish(self, document: dict[str, Any], request_id: str) -> None:
        hold = SETTINGS.get("hold")
        if hold is not None and CLOCK["replies"] >= hold:
            PARKED.append((self, document, request_id))
            return
        CLOCK["flying"] -= 1
        CLOCK["last"] = time.monotonic()
        if not self.transport.is_closing():
            CLOCK["replies"] += 1
            note(request_id, "200")
            self.send(200, document)

    def fail(self, fault: dict[str, Any], request_id: str) -> None:
        CLOCK["flying"] -= 1
        note(request_id, fault["kind"])
        if fault["kind"] == "status":
            error = {"error": {"message": "told to fail", "code": fault["status"]}}
            extra = f"Retry-After: {fault['retry_after']}\r\n" if "retry_after" in fault else ""
            self.send(fault["status"], error, extra)
        elif fault["kind"] == "half":
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.transport.close()
        elif fault["kind"] == "reset":
            self.transport.abort()

    def send(self, status: int, document: dict[str, Any], extra: str = "") -> None:
        self.write(status, json.dumps(document, ensure_ascii=False).encode(), "application/json", extra)

    def write(self, status: int, body: bytes, kind: str, extra: str = "") -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


def metrics() -> str:
    """Return the counters of one engine: a request runs from its arrival to its reply, which has 20 tokens."""
    running = min(CLOCK["flying"], SETTINGS["seats"])
    return (
        f'vllm:num_requests_running{{engine="0"}} {running}\n'
        f'vllm:num_requests_waiting{{engine="0"}} {CLOCK["flying"] - running}\n'
        f'vllm:generation_tokens_total{{engine="0"}} {20 * CLOCK["replies"]}\n'
        f"process_start_time_seconds {STARTED}\n"
    )


def note(request_id: str, what: str) -> None:
    if SETTINGS.get("log"):
        with open(SETTINGS["log"], "a") as log:
            log.write(f"{request_id} {what}\n")


async def main(handler: type[Handler] = Handler) -> None:
    if len(sys.argv) > 2:
        SETTINGS.update(json.loads(sys.argv[2]))
    server = await asyncio.get_running_loop().create_server(handler, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
