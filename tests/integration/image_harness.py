"""Images of a test's own, small ones, and the modules vllm_image and vllm_image_share in this process."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_image, vllm_image_share
from conftest import DOCKER_HOST, ROOT, Result, forget_warnings
from private_engine import private_engine

sys.path.insert(0, str(ROOT / "tests" / "tools"))

import registry  # noqa: E402


def run(module: Any, check_mode: bool = False, **parameters: Any) -> Result:
    """Run a module in this process; returns its result, failed or not."""
    forget_warnings()
    output = io.StringIO()
    arguments = {"docker_host": DOCKER_HOST, **parameters, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        module.main()
    return dict(json.loads(output.getvalue()))


class Images:
    """A test's images; what was made or brought under its prefix is gone after it."""

    def __init__(self, engine: docker.APIClient, state: Path) -> None:
        self.engine = engine
        self.state = state
        self.prefix = f"itest-images-{secrets.token_hex(4)}"
        self.name = f"{self.prefix}/tiny:1"

    def image(self, **parameters: Any) -> Result:
        """Run vllm_image on the test's image; vLLM is not looked for unless a test wants it."""
        return run(
            vllm_image, **{"image": self.name, "version": "ignored", "state_path": str(self.state), **parameters}
        )

    def share(self, **parameters: Any) -> Result:
        """Run vllm_image_share on the test's image."""
        return run(vllm_image_share, **{"image": self.name, "state_path": str(self.state), **parameters})

    def make(self, name: str = "", size: int = 1000, changes: list[str] | None = None) -> str:
        """Make an image of one file with random content; return its id."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as root:
            entry = tarfile.TarInfo("content")
            entry.size = size
            root.addfile(entry, io.BytesIO(secrets.token_bytes(size)))
        repository, _unused, tag = (name or self.name).rpartition(":")
        self.engine.import_image_from_data(archive.getvalue(), repository=repository, tag=tag, changes=changes)
        return self.id(name)

    def save(self, path: Path, *names: str) -> Path:
        """Write an archive of the test's image, or of others."""
        with path.open("wb") as file:
            for chunk in self.engine.get_image(list(names)[0] if names else self.name):
                file.write(chunk)
        return path

    def id(self, name: str = "") -> str:
        """Return an image's id; empty when it is not there."""
        try:
            return str(self.engine.inspect_image(name or self.name)["Id"])
        except docker.errors.NotFound:
            return ""

    def remove(self, name: str = "") -> None:
        """Remove an image by name or id."""
        self.engine.remove_image(name or self.name, force=True)

    def clear(self) -> None:
        """Remove all that bears the prefix."""
        for image in self.engine.images():
            names = (image["RepoTags"] or []) + (image["RepoDigests"] or [])
            if any(self.prefix in name for name in names):
                with contextlib.suppress(docker.errors.APIError):
                    self.engine.remove_image(image["Id"], force=True)


@contextlib.contextmanager
def another_engine(*options: str) -> Iterator[str]:
    """Run a second Docker Engine of this machine's kind, with a store and options of its own; yield its address."""
    with private_engine(options=options) as engine:
        yield engine.address


class Registry:
    """A registry on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = registry.server(str(folder), 0)
        self.asked: list[str] = []
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pulls(self) -> int:
        """Return how often the image was fetched: its layer, as configurations are read by those who only look, too."""
        blobs = Counter(line.split("/blobs/")[1].split()[0] for line in self.asked if "/blobs/" in line)
        return min(blobs.values(), default=0)

    def put(self, image: str, name: str) -> str:
        """Lay out an image under a name; return its digest."""
        return registry.make(self.folder, image, name, keep=True)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Registry]:
    """Run a registry."""
    found = Registry(folder)
    handler = registry.Handler
    said = handler.log_message
    handler.log_message = lambda self, text, *words: found.asked.append(text % words)  # type: ignore[method-assign]
    try:
        yield found
    finally:
        handler.log_message = said  # type: ignore[method-assign]
        found.server.shutdown()
        found.server.server_close()
