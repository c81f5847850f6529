# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: startup, from the command line to a loaded engine, stage by stage, or to an early death."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Optional

from simulator import log, stages
from simulator.arguments import Arguments
from simulator.configuration import Configuration
from simulator.engine import Engine
from simulator.faults import Fault, at_stage, death_text
from simulator.kernels import unknown_variables
from simulator.refusals import refusal
from simulator.values import log_values


class Ended(Exception):
    """The start is over before the server serves."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class Startup:
    """One start. `engine` is the child process once it runs; `stop` tells the start to give up."""

    def __init__(self, arguments: Arguments, configuration: Configuration, stop: asyncio.Event) -> None:
        self._arguments = arguments
        self._configuration = configuration
        self._stop = stop
        self._values = log_values(arguments, configuration, os.environ)
        self._begun = time.monotonic()
        self.engine: Optional[Engine] = None

    async def run(self) -> socket.socket:
        """Go through all stages and return the bound socket, not yet listening. Raises Ended."""
        first, *rest = stages.STAGES
        self._log_stage(first, 0.0)
        for name in unknown_variables(self._configuration.version, os.environ):
            text = f"Unknown vLLM environment variable detected: {name}"
            self.log("APIServer", "interface.py:1458", text, "WARNING")
        problem = refusal(self._arguments, self._configuration, os.environ)
        if problem is not None:
            log.write(stages.traceback_of(problem))
            raise Ended(1)
        listener = self._bind()
        await self._sleep(first.share * self._configuration.start_seconds)
        await self._stop_here(first)
        self.engine = Engine()
        for stage in rest:
            if not (self._arguments.enforce_eager and stage.name in stages.EAGER_SKIPS):
                await self._pass(stage)
        return listener

    def log(self, process: str, source: str, text: str, level: str = "INFO") -> None:
        """Write a line of the API server or of the engine."""
        pid = os.getpid() if process == "APIServer" or self.engine is None else self.engine.pid
        log.line(process, pid, source, text, level)

    def _bind(self) -> socket.socket:
        """Bind the port before the model loads, as vLLM does; clients are refused until it listens."""
        host = self._arguments.host or "0.0.0.0"
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, self._arguments.port))
        except OSError as error:
            frame = ("vllm/entrypoints/launchers/launcher.py", 348, "create_server_socket", "sock.bind(addr)")
            log.write(stages.traceback_of(f"OSError: [Errno {error.errno}] {os.strerror(error.errno or 0)}", frame))
            raise Ended(1) from None
        return listener

    async def _pass(self, stage: stages.Stage) -> None:
        """Log a stage's first line, take its time, log the rest."""
        seconds = stage.share * self._configuration.start_seconds
        self._log_stage(stage, seconds, slice(0, 1))
        await self._stop_here(stage)
        await self._sleep(seconds)
        self._log_stage(stage, seconds, slice(1, None))
        if stage.name == ("kv_cache" if self._arguments.enforce_eager else "capture"):
            source, text = stages.init_line({"whole": time.monotonic() - self._begun})
            self.log("EngineCore", source, text)

    async def _stop_here(self, stage: stages.Stage) -> None:
        """Hang or die when a fault wants it: with the fault's last words and the exit code of a failed start."""
        fault = at_stage(self._configuration.faults, stage.name)
        if fault is None:
            return
        if fault.kind == "hang":
            await self._stop.wait()
            raise Ended(0)
        await self._sleep(fault.after_seconds)
        self._die(fault)

    def _die(self, fault: Fault) -> None:
        words = death_text(fault, self._values)
        errors, traceback = stages.engine_failure(words)
        for source, text in errors:
            self.log("EngineCore", source, text, "ERROR")
        log.write(f"Process EngineCore:\nTraceback (most recent call last):\n{words}\n{traceback}")
        raise Ended(1 if fault.exit_code is None else fault.exit_code)

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), max(seconds, 0.001))
        except asyncio.TimeoutError:
            return
        raise Ended(0)

    def _log_stage(self, stage: stages.Stage, seconds: float, part: slice = slice(None)) -> None:
        process = stage.process
        if process == "Worker":
            process = "Worker_TP0" if self._arguments.tensor_parallel_size > 1 else "EngineCore"
        values = {**self._values, "seconds": seconds, "pid": os.getpid()}
        for source, text in stage.lines[part]:
            written = text.format(**values)
            if not source:
                log.write(written)
            elif written or not text:
                self.log(process, source, written)
