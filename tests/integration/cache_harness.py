# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of caches share: real caches, made by the real huggingface_hub from a look-alike of the Hub."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_cache
from hub_harness import Hub

SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
SHARED = b"w" * 300_000
# By model and branch. What is called shared is in more than one of them.
CONTENTS: dict[str, dict[str, dict[str, bytes]]] = {
    SMALL: {
        "main": {"config.json": b"{}", "model.safetensors": SHARED, "sub/tokenizer.json": b"[20]"},
        "next": {"config.json": b"{1}", "model.safetensors": SHARED, "more.safetensors": b"n" * 200_000},
    },
    LARGE: {"main": {"config.json": b"{}", "model.safetensors": SHARED, "own.safetensors": b"o" * 100_000}},
}
_DOWNLOAD = """
import json, sys
import huggingface_hub
for asked in json.loads(sys.argv[1]):
    print(huggingface_hub.snapshot_download(**asked))
"""


def hub_with_models(xet: bool = True) -> Hub:
    """Return a Hub, not started, with CONTENTS."""
    hub = Hub()
    for repo_id, branches in CONTENTS.items():
        repository = hub.add(repo_id, xet=xet)
        for branch, files in branches.items():
            repository.commit(files, branch=branch)
    return hub


def commit_of(hub: Hub, repo_id: str, branch: str = "main") -> str:
    """Return the commit of a branch."""
    return hub.repositories["models", repo_id].branches[branch]


def download(cache: Path, hub: Hub, *revisions: tuple[str, str], **options: Any) -> Path:
    """Download by the real huggingface_hub, in a process of its own with its own defaults; return the last snapshot."""
    common = {"cache_dir": str(cache), "endpoint": hub.endpoint, **options}
    asked = [{"repo_id": repo_id, "revision": revision, **common} for repo_id, revision in revisions]
    done = subprocess.run(
        [sys.executable, "-c", _DOWNLOAD, json.dumps(asked)],
        env={name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def everything(cache: Path) -> set[str]:
    """Return all that lies in a cache but folders, by relative name."""
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_symlink() or not path.is_dir()}


def hf_cache_run(cache: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module in this process; returns its result, failed or not."""
    output = io.StringIO()
    # No engine, no servers, and nothing is too young to go, unless a test says otherwise.
    common = {"docker_host": "", "state_path": str(cache.parent / "servers"), "leftover_age": 0}
    arguments = {"cache_dir": str(cache), **common, **options, "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        hf_cache.main()
    return dict(json.loads(output.getvalue()))
