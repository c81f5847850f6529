# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reference script - runs the command line of gpt_oss.evals 0.0.9 as it is, but on local files.

Run by a Python that has gpt-oss and what its evals import: python -c THIS '{"folder": ..., "data": {...}, ...}'. It
needs nothing of this collection. Replaced are: the data sets' addresses, which become the given files; the results'
folder, which becomes the given one instead of /tmp; the API key, which is read from a file, and which the harness wants
even where the server asks for none. With the single argument "version" it prints the package's version.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any, Dict, List

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Run what the argument describes: task, model, base_url, effort, sampler, temperature, n_threads and the paths."""
    if sys.argv[1] == "version":
        sys.stdout.write(importlib.metadata.version("gpt-oss"))
        return
    # It asks on for ever, also when nobody waits for the answer any more.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.loads(sys.argv[1])
    key = job.get("api_key_file")
    os.environ["OPENAI_API_KEY"] = Path(key).read_text().strip() if key else "none"
    os.environ.pop("debug", None)  # the harness would ask one question after the other
    _read_from(job["data"])
    from gpt_oss.evals import __main__ as harness

    folder = Path(job["folder"])

    def open_there(path: str, mode: str = "r") -> IO[Any]:
        return open(folder / Path(path).name, mode)

    harness.open = open_there
    sys.argv = ["gpt_oss.evals", *_arguments(job)]
    harness.main()


def _arguments(job: Dict[str, Any]) -> List[str]:
    return [
        *("--base-url", job["base_url"]),
        *("--model", job["model"]),
        *("--eval", job["task"]),
        *("--reasoning-effort", job["effort"]),
        *("--sampler", job["sampler"]),
        *("--temperature", str(job["temperature"])),
        *("--n-threads", str(job["n_threads"])),
    ]


def _read_from(paths: List[str]) -> None:
    """Have pandas read these files, one after the other, whatever address it is given."""
    import pandas

    left = iter(paths)
    read_csv, read_json = pandas.read_csv, pandas.read_json
    pandas.read_csv = lambda _address, **options: read_csv(next(left), **options)
    pandas.read_json = lambda _address, **options: read_json(next(left), **options)


if __name__ == "__main__":
    main()
