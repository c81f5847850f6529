# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers all at once, as vLLM does where all replies are as long, and sees how soon it is asked again.

usage: waves.py PORT CONCURRENCY     prints JSON when it gets SIGTERM: for each wave the milliseconds from each reply to
                                     the next request on the same connection

A wave is answered when CONCURRENCY requests wait, or when none came for two seconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from typing import Any

import httptools

# As long as a wave of replies takes a real server at least.
_HOLD, _IDLE, _WORDS = 0.3, 2.0, 450
PAGES: dict[str, dict[str, Any]] = {
    "/health": {},
    "/version": {"version": "0.0-waves"},
    "/v1/models": {"object": "list", "data": [{"id": "waves", "object": "model", "max_model_len": 131072}]},
}
METRICS = b'vllm:num_requests_running{engine="0"} 1.0\nvllm:num_requests_waiting{engine="0"} 0.0\n'


def reply() -> bytes:
    """Return a reply that was cut off after 512 tokens, as gpt-oss's server gives it: reasoning, and no content."""
    draw = random.Random(1)
    text = " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _word in range(_WORDS))
    message = {"role": "assistant", "content": None, "reasoning": text, "tool_calls": []}
    usage = {"prompt_tokens": 128, "completion_tokens": 512, "total_tokens": 640}
    choice = {"index": 0, "message": message, "finish_reason": "length", "logprobs": None}
    return json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}
    ).encode()


class Waves:
    """The requests that wait, and what was seen of the waves before."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._reply = reply()
        self._waiting: list[Handler] = []
        self._number = 0
        self.delays: dict[int, list[float]] = {}

    def take(self, handler: Handler) -> None:
        """Let a request wait for its wave."""
        now = time.perf_counter()
        if handler.answered:
            self.delays.setdefault(self._number, []).append(round(1000 * (now - handler.answered), 3))
        self._waiting.append(handler)
        self._last = now
        if len(self._waiting) == self._concurrency:
            asyncio.get_running_loop().call_later(_HOLD, self._answer)

    def look(self) -> None:
        """Answer a wave that does not fill any more."""
        if 0 < len(self._waiting) < self._concurrency and time.perf_counter() - self._last > _IDLE:
            self._answer()
        asyncio.get_running_loop().call_later(_IDLE / 10, self.look)

    def _answer(self) -> None:
        wave, self._waiting = self._waiting, []
        self._number += 1
        for handler in wave:
            handler.answered = time.perf_counter()
            handler.send(self._reply)


class Handler(asyncio.Protocol):
    """One connection."""

    def __init__(self, waves: Waves) -> None:
        self._waves = waves
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""
        self.answered = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_message_complete(self) -> None:
        path, self._path = self._path, ""
        if self._parser.get_method() == b"POST":
            self._waves.take(self)
        elif path == "/metrics":
            self.send(METRICS, "text/plain")
        else:
            self.send(json.dumps(PAGES.get(path, {})).encode())

    def send(self, body: bytes, kind: str = "application/json") -> None:
        if not self._transport.is_closing():
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)


async def main(port: int, concurrency: int) -> None:
    waves, over = Waves(concurrency), asyncio.Event()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Handler(waves), "127.0.0.1", port)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    waves.look()
    await over.wait()
    print(json.dumps(waves.delays))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
