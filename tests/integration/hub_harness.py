# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of models share: the look-alike of the Hub with one model, and hf_model run in this process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lookalike_hub import Hub  # noqa: E402  (the path comes first)

REPO = "openai/gpt-oss-20b"
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
FILES = {"config.json": b"{}", "model.safetensors": b"w" * 100_000, "original/model.bin": b"o" * 100_000}
FOLDER = "models--openai--gpt-oss-20b"


def hub_with_model(**settings: Any) -> Hub:
    """Return a Hub, not started, whose main branch of the one model is COMMIT with FILES."""
    hub = Hub(**settings)
    hub.add(REPO).commit(FILES, commit=COMMIT)
    return hub


def hf_model_run(cache: Path, check_mode: bool = False, deceived: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module in this process; returns its result, failed or not.

    What it left must be honest, unless it looked only, or was `deceived`.
    """
    warnings._global_warnings.clear()
    output = io.StringIO()
    arguments = {"repo_id": REPO, "cache_dir": str(cache), **options, "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        hf_model.main()
    result = dict(json.loads(output.getvalue()))
    if not (check_mode or deceived):
        honest(cache)
    return result


def module_process(
    cache: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    **options: Any,
) -> subprocess.Popen[str]:
    """Run the module in a process of its own, whose standard output is its result; `before` is called in it."""
    paths = [str(ROOT / ".ansible/collections"), str(Path(__file__).parent)]
    code = "import hub_harness, json, sys; hub_harness.as_process(json.load(sys.stdin))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
    assert process.stdin
    with process.stdin as stdin:
        json.dump({"repo_id": REPO, "cache_dir": str(cache), **options}, stdin)
    return process


def as_process(arguments: dict[str, Any]) -> None:
    """Run the module with these arguments, as the program that this process is."""
    with patch_module_args(arguments):
        hf_model.main()


def ended(process: subprocess.Popen[str], seconds: float = 60) -> dict[str, Any]:
    """Return what a module's process said at its end."""
    process.stdin = None
    output, errors = process.communicate(timeout=seconds)
    assert output.strip().startswith("{"), output + errors
    return dict(json.loads(output))


def bring(hub: Hub, cache: Path, **options: Any) -> dict[str, Any]:
    """Run the module with little patience; a stall takes as long as a busy machine may."""
    return hf_model_run(cache, **{"endpoint": hub.endpoint, "stall_timeout": 15, "retries": 2, **options})


def stamps(cache: Path) -> list[dict[str, Any]]:
    """Return the stamps that say that a snapshot is whole."""
    paths = (path for path in cache.glob("models--*/.gpt_oss/*.json") if len(path.stem) == len(COMMIT))
    return [{**json.loads(path.read_text()), "folder": path.parents[1]} for path in paths]


def honest(cache: Path) -> None:
    """Each stamp that says whole is right: what its snapshot holds is read here, and compared with what is listed."""
    for stamp in stamps(cache):
        for name in stamp["files"]:
            listed = stamp["listing"][name]
            data = (stamp["folder"] / "snapshots" / stamp["commit"] / name).read_bytes()
            assert (len(data), digest(data, listed["algorithm"])) == (listed["size"], listed["digest"]), name


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """Return a hash by the name that the stamp has for it."""
    if algorithm == "sha256":
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def whole(result: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> None:
    """The run ended well: the snapshot has the wanted files, a stamp, and nothing that is half."""
    assert not result.get("failed"), result["msg"]
    assert result["verified"]
    snapshot = Path(result["path"])
    given = FILES if files is None else files
    wanted = {name: data for name, data in given.items() if not name.startswith("original/")}
    found = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if not path.is_dir()}
    assert found == set(wanted)
    assert all((snapshot / name).read_bytes() == data for name, data in wanted.items())
    folder = snapshot.parents[1]
    assert [stamp["commit"] for stamp in stamps(folder.parent)] == [snapshot.name]
    assert not [path for path in folder.rglob("*") if path.suffix == ".part" or path.name.startswith("incoming-")]


def refused(result: Mapping[str, Any], cache: Path, *words: str) -> str:
    """The run failed, said so with these words, and left no stamp that says whole. Returns what it said."""
    assert result.get("failed"), result
    for word in words:
        assert word in result["msg"], result["msg"]
    assert stamps(cache) == []
    return str(result["msg"])


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
