# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small, fast server that speaks vLLM's APIs, for tests and benchmarks of the eval client.

usage: eval_server.py PORT [JSON]     settings, all optional:
  hold (park all requests after so many replies, until it is raised or null),
  latency (s), model, version, words (length of a reply), log (file: one line "request-id status" per request),
  fault: {"kind": "status"|"reset"|"half"|"stall"|"close", "status": 503, "retry_after": "0",
          "every": 10 (hit one request in so many, by its id), "times": 1 (so often each), "path": "/v1"}
POST /settings replaces settings while it runs; GET /window tells seconds from the first request to the last reply.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from collections import Counter
from typing import Any

import httptools

SETTINGS: dict[str, Any] = {"latency": 0.0, "model": "test-model", "version": "0.0-test", "words": 40}
SEEN: Counter[str] = Counter()
PARKED: list[tuple[Handler, dict[str, Any], str]] = []
CLOCK = {"first": 0.0, "last": 0.0, "requests": 0, "flying": 0, "most": 0, "replies": 0}


def answer(request_id: str, words: int) -> str:
    """Return the reply to a sample: it depends on nothing but the sample."""
    number = zlib.crc32(request_id.encode())
    tail = (
        f"The answer is \\boxed{{{number % 1000}}}"
        if request_id.startswith("aime")
        else f"Answer: {'ABCD'[number % 4]}"
    )
    return "word " * words + "\n\n" + tail


def reply_to(path: str, request_id: str, body: dict[str, Any]) -> dict[str, Any]:
    text = answer(request_id, SETTINGS["words"])
    if path.endswith("/responses"):
        return {
            "id": "resp_1", "status": "completed", "incomplete_details": None, "error": None,
            "output": [
                {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
            ],
            "usage": {"input_tokens": 60, "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 5}},
            "object": "response", "model": body["model"], "created_at": 1,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        }  # fmt: skip
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80},
    }  # fmt: skip


class Handler(asyncio.Protocol):
    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.reset()

    def reset(self) -> None:
        self.path, self.request_id, self.body = "", "", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self.request_id = value.decode()

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
        pages = {
            "/health": {},
            "/version": {"version": SETTINGS["version"]},
            "/v1/models": {"object": "list", "data": [{"id": SETTINGS["model"], "max_model_len": 131072}]},
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
        fault = SETTINGS.get("fault")
        if (
            fault
            and zlib.crc32(request_id.encode()) % fault.get("every", 1) == 0
            and SEEN[request_id] <= fault.get("times", 1)
        ):
            self.fail(fault, request_id)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(SETTINGS["latency"], self.finish, reply_to(path, request_id, body), request_id)

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
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


def note(request_id: str, what: str) -> None:
    if SETTINGS.get("log"):
        with open(SETTINGS["log"], "a") as log:
            log.write(f"{request_id} {what}\n")


async def main() -> None:
    if len(sys.argv) > 2:
        SETTINGS.update(json.loads(sys.argv[2]))
    server = await asyncio.get_running_loop().create_server(Handler, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
