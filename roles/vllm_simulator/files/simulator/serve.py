# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: serve, one server's life: its start, serving, and the ways it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress

from simulator import log, stages
from simulator.answers import Model
from simulator.app import App
from simulator.arguments import Arguments
from simulator.configuration import Configuration
from simulator.engine import Engine
from simulator.faults import Fault, at_stage, stuck_fault
from simulator.http import Connection
from simulator.startup import Ended, Startup

_GLANCE = 0.05  # seconds between looks at the engine


class Server:
    """A simulated vLLM server. `run` returns the exit code."""

    def __init__(self, arguments: Arguments, configuration: Configuration, model: Model) -> None:
        self._arguments = arguments
        self._configuration = configuration
        self._app = App(arguments, configuration, model)
        self._connections: set[Connection] = set()
        self._signals = 0

    async def run(self) -> int:
        """Start, serve until a signal or the engine's death, shut down; return the exit code."""
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        startup = Startup(self._arguments, self._configuration, self._stop)
        self._log = startup.log
        try:
            listener = await startup.run()
            server = await self._listen(listener)
            log.write(stages.READY)
            return await self._serve(server, startup.engine or Engine())
        except Ended as end:
            return end.code
        finally:
            if startup.engine is not None:
                startup.engine.stop()

    async def _listen(self, listener: socket.socket) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self._connect, sock=listener, backlog=2048)
        except OSError as error:  # another process took the port while it was bound but not yet listening
            log.write(stages.traceback_of(f"OSError: [Errno {error.errno}] {os.strerror(error.errno or 0)}"))
            raise Ended(1) from None

    def _connect(self) -> Connection:
        return Connection(self._app.handle, self._connections)

    def _on_signal(self) -> None:
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            os._exit(1)

    async def _serve(self, server: asyncio.AbstractServer, engine: Engine) -> int:
        fault = at_stage(self._configuration.faults, "serving")
        stuck = stuck_fault(self._configuration.faults)
        ready = time.monotonic()
        self._app.look_at_engine = engine.stopped
        while not self._stop.is_set():
            if not engine.alive():
                return await self._mourn(server)
            if fault is not None and self._is_due(fault, ready):
                if fault.exit_code is not None:
                    log.write(fault.text or "Fatal Python error: Aborted")
                    return fault.exit_code
                engine.kill()
            if stuck is not None and self._is_due(stuck, ready):
                engine.freeze()
                stuck = None
            self._app.notice_stop()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _GLANCE)
        return await self._shut_down(server, engine)

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
        server.close()
        for connection in list(self._connections):
            connection.close()
        log.write("INFO:     Shutting down\nINFO:     Waiting for application shutdown.")
        log.write(f"INFO:     Application shutdown complete.\nINFO:     Finished server process [{os.getpid()}]")
        return 0

    async def _shut_down(self, server: asyncio.AbstractServer, engine: Engine) -> int:
        """End on SIGTERM: idle at once; else drain as long as --shutdown-timeout says, then abandon what is left.

        An abandoned client is never answered, and the server waits until it goes, as vLLM does.
        """
        patience = self._arguments.shutdown_timeout
        mode = "drain" if patience else "abort"
        self._log("APIServer", "launcher.py:254", "[shutdown] API server: shutdown triggered")
        text = f"[shutdown] API server: stopping engine client mode={mode} timeout={patience}s"
        self._log("APIServer", "launcher.py:270", text)
        server.close()
        end = time.monotonic() + patience
        while any(connection.busy for connection in self._connections) and time.monotonic() < end:
            await asyncio.sleep(_GLANCE)
        engine.stop()
        self._log("APIServer", "launcher.py:304", "[shutdown] API server: shutting down FastAPI HTTP server")
        log.write("INFO:     Shutting down")
        for connection in list(self._connections):
            connection.frozen = True
            if not connection.busy:
                connection.close()
        while self._connections:
            await asyncio.sleep(_GLANCE)
        log.write("INFO:     Waiting for application shutdown.\nINFO:     Application shutdown complete.")
        return 0


def run(arguments: Arguments, configuration: Configuration, model: Model) -> int:
    """Run one server to its end and return the exit code."""
    code = asyncio.run(Server(arguments, configuration, model).run())
    sys.stdout.flush()
    return code
