"""What the tests of vllm_liveness share: the module run in this process, and requests made beside it."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils._processes import of_container
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_liveness as module
from conftest import MODEL, Parameters, Result

KEPT = ("name", "port", "model", "docker_host")


def look(parameters: Parameters, state: Path, check_mode: bool = False, **options: Any) -> Result:
    """Run the module on a server of these parameters; returns its result, failed or not."""
    known = {name: parameters[name] for name in KEPT}
    arguments = {**known, "state_path": str(state), "stall_seconds": 3, "window": 1.5, **options}
    output = io.StringIO()
    with (
        patch_module_args({**arguments, "_ansible_check_mode": check_mode}),
        contextlib.redirect_stdout(output),
        pytest.raises(SystemExit),
    ):
        module.main()
    result: Result = json.loads(output.getvalue())
    assert result.get("changed", False) is False
    return result


@contextlib.contextmanager
def asking(port: int, clients: int = 1, max_tokens: int = 4096) -> Iterator[None]:
    """Ask for completions, again and again, as long as the body runs."""
    over = threading.Event()
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": max_tokens})

    def ask() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
                while not over.is_set():
                    with contextlib.suppress(TimeoutError):
                        connection.getresponse().read()
                        break
            connection.close()

    threads = [threading.Thread(target=ask) for _unused in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def signal_engine(container: dict[str, Any], number: int) -> int:
    """Send a signal to the process of a container that computes; return its id."""
    processes = of_container(container["Id"], container["State"]["Pid"])
    pid = next(int(process["pid"]) for process in processes if process["name"].startswith("VLLM::Eng"))
    os.kill(pid, number)
    return pid


def wait_for(done: Any, seconds: float = 15.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
