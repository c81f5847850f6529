"""A throw-away host in a container, in which the collection's modules run as they do on a real one: with its Python."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ansible
from conftest import ROOT

_SITE = "/opt/site"
_RUNNER = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
name, arguments = sys.argv[1], json.loads(sys.argv[2])
module = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.modules.{name}")
with patch_module_args(arguments):
    module.main()
"""


class Instance:
    """One running container without a network but loopback."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str, check: bool = True, detach: bool = False) -> str:
        """Run a command; returns stdout and stderr."""
        options = ["--detach"] if detach else []
        done = subprocess.run(
            ["docker", "exec", *options, self.name, *command], capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def module(self, name: str, parameters: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
        """Run a module; returns its result, failed or not."""
        arguments = {**parameters, "_ansible_check_mode": check_mode, "_ansible_diff": True}
        command = ["env", f"PYTHONPATH={_SITE}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-c", _RUNNER]
        said = self.run(*command, name, json.dumps(arguments), check=False)
        lines = [line for line in said.splitlines() if line.startswith("{")]
        assert lines, said
        return dict(json.loads(lines[-1]))

    def files(self, *folders: str) -> dict[str, str]:
        """Return the digest of each file below the folders."""
        script = 'find "$@" -type f -exec sha256sum {} + 2>/dev/null || true'
        lines = self.run("sh", "-c", script, "sh", *folders).splitlines()
        return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}

    def serve(self, folder: str, port: int) -> str:
        """Serve a folder over HTTP inside the instance; returns the address."""
        self.run("python3", "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", folder, detach=True)
        self.wait_for(f"/dev/tcp/127.0.0.1/{port}")
        return f"http://127.0.0.1:{port}"

    def wait_for(self, address: str) -> None:
        """Wait until something listens."""
        for _unused in range(100):
            done = subprocess.run(
                ["docker", "exec", self.name, "bash", "-c", f": < {address}"], capture_output=True, check=False
            )
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"nothing listens at {address} in {self.name}")


@contextmanager
def instance(name: str, image: str, *options: str) -> Iterator[Instance]:
    """Start a container that does nothing, and remove it afterwards."""
    mounts = [
        f"--volume={ROOT}:{_SITE}/ansible_collections/gpt_oss/fleet:ro",
        f"--volume={Path(ansible.__file__).parent}:{_SITE}/ansible:ro",
    ]
    start = ["docker", "run", "--detach", "--init", "--network=none", f"--name={name}", *mounts, *options]
    subprocess.run([*start, "--entrypoint=sleep", image, "infinity"], check=True, capture_output=True, timeout=60)
    try:
        yield Instance(name)
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True, timeout=60)
