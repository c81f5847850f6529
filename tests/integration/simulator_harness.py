# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated server for each host of a test, as processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conftest import MODEL
from eval_harness import ROOT, free_port, wait_for


@contextlib.contextmanager
def simulators(configurations: Mapping[str, Mapping[str, Any]], logs: Path) -> Iterator[dict[str, int]]:
    """Run a simulator for each name, told its configuration, with a log of that name; yields the ports once healthy."""
    ports = {name: free_port() for name in configurations}
    with contextlib.ExitStack() as stack:
        for name, configuration in configurations.items():
            log = stack.enter_context((logs / f"{name}.log").open("w"))
            server = subprocess.Popen(
                [sys.executable, "-m", "simulator", "serve", MODEL, "--port", str(ports[name])],
                cwd=ROOT / "roles" / "vllm_simulator" / "files",
                env={**os.environ, "VLLM_SIMULATOR": json.dumps({"start_seconds": 0.1, **configuration})},
                stdout=log,
                stderr=log,
            )
            stack.callback(server.wait)
            stack.callback(server.kill)
        for port in ports.values():
            wait_for(lambda port=port: healthy(port), 60)
        yield ports


def healthy(port: int) -> bool:
    """Tell whether a server of this machine answers well to /health."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except OSError:
        return False
    return True
