# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look-alike in a process of its own, for benchmarks and tests of speed; steered through its control address."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


class HubProcess:
    """``python tests/lookalike_hub ARGUMENTS`` as a context; or, with ``control_url``, one that runs already."""

    def __init__(self, *arguments: str, control_url: str = "") -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.control_url = control_url

    def __enter__(self) -> HubProcess:
        command = [sys.executable, str(Path(__file__).parent), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Wanted: a look-alike of the Hub. Found: it ended with {self._process.wait()}.")
        self.control_url = json.loads(line)["origins"]["control"]
        return self

    def __exit__(self, *_error: Any) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def control(self, method: str, what: str, document: Any = None) -> Any:
        """Ask the control address: see control.py."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.control_url}/_control/{what}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.control("GET", "state"))

    @property
    def endpoint(self) -> str:
        return str(self.state["endpoint"])

    def books(self, **fields: str) -> dict[str, Any]:
        return dict(self.control("GET", "books" + (f"?{urlencode(fields)}" if fields else "")))

    def clear_books(self) -> None:
        self.control("DELETE", "books")

    def fault(self, kind: str, path: str = "*", **fields: Any) -> None:
        self.control("POST", "faults", {"kind": kind, "path": path, **fields})

    def clear_faults(self) -> None:
        self.control("DELETE", "faults")

    def set(self, **settings: Any) -> None:
        self.control("POST", "settings", settings)

    def down(self, *origins: str, seconds: float | None = None) -> None:
        self.control("POST", "down", {"origins": list(origins), "seconds": seconds})

    def up(self, *origins: str) -> None:
        self.control("POST", "up", {"origins": list(origins)})
