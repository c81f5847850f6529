# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: serve, one server's life: start-up by stages, serving, and the ways it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Optional

from simulator import log, stages
from simulator.answers import Model
from simulator.app import App
from simulator.arguments import Arguments
from simulator.configuration import Configuration
from simulator.engine import Engine
from simulator.faults import Fault, at_stage, death_text
from simulator.http import Connection
from simulator.kernels import moe_line, unknown_variables
from simulator.refusals import LONGEST, refusal

_WEIGHTS = {"120b": 65.2}
_GPU_MEMORY = 178.36


class Stop(Exception):
    """The server was told to stop before it was ready."""


class Server:
    """A simulated vLLM server. `run` returns the exit code."""

    def __init__(self, arguments: Arguments, configuration: Configuration, model: Model) -> None:
        self._arguments = arguments
        self._configuration = configuration
        self._app = App(arguments, configuration, model)
        self._connections: set[Connection] = set()
        self._engine: Optional[Engine] = None
        self._values = log_values(arguments, configuration, os.environ)
        self._signals = 0

    async def run(self) -> int:
        """Start, serve until a signal or the engine's death, shut down; return the exit code."""
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        try:
            return await self._live(loop)
        except Stop:
            return 0
        finally:
            if self._engine is not None:
                self._engine.stop()

    def _on_signal(self) -> None:
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            os._exit(1)

    async def _live(self, loop: asyncio.AbstractEventLoop) -> int:
        problem = refusal(self._arguments, self._configuration, os.environ)
        begun = time.monotonic()
        first, *rest = stages.STAGES
        self._log_stage(first, 0.0)
        for name in unknown_variables(self._configuration.version, os.environ):
            self._log(
                "APIServer", "interface.py:1458", f"Unknown vLLM environment variable detected: {name}", "WARNING"
            )
        if problem is not None:
            log.write(stages.traceback_of(problem))
            return 1
        listener = self._bind()
        if listener is None:
            return 1
        code = await self._pass(first)
        self._engine = Engine()
        for stage in rest:
            if code is not None:
                return code
            if not (self._arguments.enforce_eager and stage.name in stages.EAGER_SKIPS):
                code = await self._pass(stage, begun)
        if code is not None:
            return code
        server = await loop.create_server(
            lambda: Connection(self._app.handle, self._connections), sock=listener, backlog=2048
        )
        log.write(stages.READY)
        return await self._serve(server)

    def _bind(self) -> Optional[socket.socket]:
        """Bind the port before the model loads, as vLLM does; clients are refused until it listens."""
        host = self._arguments.host or "0.0.0.0"
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, self._arguments.port))
        except OSError as error:
            frame = ("vllm/entrypoints/launchers/launcher.py", 348, "create_server_socket", "sock.bind(addr)")
            log.write(stages.traceback_of(f"OSError: [Errno {error.errno}] {os.strerror(error.errno or 0)}", frame))
            return None
        return listener

    async def _pass(self, stage: stages.Stage, begun: Optional[float] = None) -> Optional[int]:
        """Go through one stage; return an exit code when the server dies in it."""
        seconds = stage.share * self._configuration.start_seconds
        fault = at_stage(self._configuration.faults, stage.name)
        if fault is not None:
            if begun is not None:
                self._log_stage(stage, seconds, slice(0, 1))
            return await self._halt(fault)
        if begun is not None:
            self._log_stage(stage, seconds, slice(0, 1))
        await self._sleep(seconds)
        if begun is not None:
            self._log_stage(stage, seconds, slice(1, None))
        if stage.name == "capture" or (stage.name == "kv_cache" and self._arguments.enforce_eager):
            source, text = stages.init_line({"whole": time.monotonic() - (begun or 0.0)})
            self._log("EngineCore", source, text)
        return None

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), max(seconds, 0.001))
        except asyncio.TimeoutError:
            return
        raise Stop

    async def _halt(self, fault: Fault) -> int:
        """Hang until told to stop, or die with the fault's last words and the exit code of a failed start."""
        if fault.kind == "hang":
            await self._stop.wait()
            raise Stop
        await self._sleep(fault.after_seconds)
        errors, traceback = stages.engine_failure(death_text(fault, self._values))
        for source, text in errors:
            self._log("EngineCore", source, text, "ERROR")
        log.write("Process EngineCore:\nTraceback (most recent call last):\n" + death_text(fault, self._values))
        log.write(traceback)
        return 1 if fault.exit_code is None else fault.exit_code

    async def _serve(self, server: asyncio.AbstractServer) -> int:
        fault = at_stage(self._configuration.faults, "serving")
        ready = time.monotonic()
        while not self._stop.is_set():
            if self._engine is None or not self._engine.alive():
                return await self._mourn(server)
            if fault is not None and self._is_due(fault, ready):
                if fault.exit_code is not None:
                    log.write(death_text(fault, self._values))
                    return fault.exit_code
                self._engine.kill()
            try:
                await asyncio.wait_for(self._stop.wait(), 0.05)
            except asyncio.TimeoutError:
                continue
        return await self._shut_down(server)

    def _is_due(self, fault: Fault, ready: float) -> bool:
        return time.monotonic() - ready >= fault.after_seconds and self._app.served >= fault.after_requests

    async def _mourn(self, server: asyncio.AbstractServer) -> int:
        """Answer 503 for a while after the engine's death, then leave with exit code 0, as vLLM does."""
        self._app.dead = True
        for source, text in stages.engine_death():
            self._log("APIServer", source, text, "ERROR")
        for connection in [item for item in self._connections if item.busy]:
            connection.fail(self._app.dead_reply())
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self._configuration.dead_seconds)
        self._close(server)
        log.write("INFO:     Shutting down\nINFO:     Waiting for application shutdown.")
        log.write(f"INFO:     Application shutdown complete.\nINFO:     Finished server process [{os.getpid()}]")
        return 0

    async def _shut_down(self, server: asyncio.AbstractServer) -> int:
        """End on SIGTERM: idle at once; else drain as long as --shutdown-timeout says, then abandon what is left."""
        patience = self._arguments.shutdown_timeout
        mode = "drain" if patience else "abort"
        self._log("APIServer", "launcher.py:254", "[shutdown] API server: shutdown triggered")
        text = f"[shutdown] API server: stopping engine client mode={mode} timeout={patience}s"
        self._log("APIServer", "launcher.py:270", text)
        server.close()
        end = time.monotonic() + patience
        while any(connection.busy for connection in self._connections) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        if self._engine is not None:
            self._engine.stop()
        self._log("APIServer", "launcher.py:304", "[shutdown] API server: shutting down FastAPI HTTP server")
        log.write("INFO:     Shutting down")
        for connection in list(self._connections):
            connection.frozen = True
            if not connection.busy:
                connection.close()
        if self._connections:
            log.write("INFO:     Waiting for connections to close. (CTRL+C to force quit)")
        while self._connections:
            await asyncio.sleep(0.02)
        log.write("INFO:     Waiting for application shutdown.\nINFO:     Application shutdown complete.")
        return 0

    def _close(self, server: asyncio.AbstractServer) -> None:
        server.close()
        for connection in list(self._connections):
            connection.close()

    def _log(self, process: str, source: str, text: str, level: str = "INFO") -> None:
        pid = os.getpid() if process == "APIServer" or self._engine is None else self._engine.pid
        log.line(process, pid, source, text, level)

    def _log_stage(self, stage: stages.Stage, seconds: float, part: slice = slice(None)) -> None:
        process = stage.process
        if process == "Worker":
            process = "Worker_TP0" if self._arguments.tensor_parallel_size > 1 else "EngineCore"
        values = {**self._values, "seconds": seconds, "pid": os.getpid()}
        for source, text in stage.lines[part]:
            written = text.format(**values)
            if source and (written or not text):
                self._log(process, source, written)
            elif not source:
                log.write(written)


def log_values(arguments: Arguments, configuration: Configuration, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what the lines of the start-up log are filled with."""
    weights = next((size for name, size in _WEIGHTS.items() if name in arguments.model), 13.58)
    length = arguments.max_model_len or LONGEST
    wanted = arguments.gpu_memory_utilization * _GPU_MEMORY
    memory = (
        max(1.0, wanted - weights / arguments.tensor_parallel_size - 2.0) if arguments.tensor_parallel_size > 0 else 1.0
    )
    tokens = int(memory * 41_000)
    given = {**arguments.given, **({"api_key": ["***"]} if arguments.api_key else {})}
    return {
        "version": configuration.version,
        "model": arguments.model,
        "served": arguments.served_model_name[0],
        "given": given,
        "max_model_len": length,
        "max_num_seqs": arguments.max_num_seqs,
        "capture_size": arguments.max_cudagraph_capture_size or 1024,
        "scheduling": "disabled" if arguments.async_scheduling is False else "enabled",
        "tensor_parallel_size": arguments.tensor_parallel_size,
        "enforce_eager": arguments.enforce_eager,
        "kv_cache_dtype": arguments.kv_cache_dtype,
        "moe_line": moe_line(configuration.version, arguments, environment) or "",
        "shards": 15 if "120b" in arguments.model else 3,
        "weights": weights,
        "kv_memory": memory,
        "kv_tokens": tokens,
        "kv_concurrency": tokens / length,
        "gpu_memory_utilization": arguments.gpu_memory_utilization,
        "wanted_memory": wanted,
        "address": f"{arguments.host or '0.0.0.0'}:{arguments.port}",
    }


def run(arguments: Arguments, configuration: Configuration, model: Model) -> int:
    """Run one server to its end and return the exit code."""
    code = asyncio.run(Server(arguments, configuration, model).run())
    sys.stdout.flush()
    return code
