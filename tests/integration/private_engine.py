"""A Docker Engine of a test's own, which may be killed and started again, on a disk and in a network of the test's."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import docker
import pytest

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


class PrivateEngine:
    """An engine with a store of its own; `data` is where that lies, `prefix` the command that dockerd is run by."""

    def __init__(self, data: Path | None = None, prefix: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        self.address = f"unix://{self.folder}/docker.sock"
        self._data = data or self.folder / "data"
        self._prefix = prefix
        self._options = options
        # Without a bridge of its own it would take the first engine's for its own: and, told to have none, remove it.
        self.bridge = f"gof{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["dockerd", f"--data-root={self._data}", f"--exec-root={self.folder}/exec"]
        command += [f"--pidfile={self.folder}/pid", "--host", self.address, f"--bridge={self.bridge}"]
        command += ["--iptables=false", "--ip6tables=false", "--ip-forward=false", *self._options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *command], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "PATH": PATH},
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self._answers():
            log_so_far = (self.folder / "log").read_text(errors="replace")
            assert self._process.poll() is None and time.monotonic() < deadline, log_so_far[-3000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with contextlib.closing(docker.APIClient(base_url=self.address, timeout=5)) as client:
                return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False

    def kill(self) -> None:
        """End it as the kernel does when memory is short, and its containerd with it; its containers live on."""
        assert self._process is not None
        for file in (self.folder / "pid", self.folder / "exec/containerd/containerd.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)
            # Where nobody fetches the dead, their numbers would pass for living ones.
            file.unlink()
        self._process.wait(30)

    def stop(self) -> None:
        """End it in good order, if it runs."""
        if self._process is not None and self._process.poll() is None:
            os.kill(int((self.folder / "pid").read_text()), signal.SIGTERM)
            self._process.wait(60)

    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.address, version="auto", timeout=60)


@contextlib.contextmanager
def private_engine(
    data: Path | None = None, prefix: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[PrivateEngine]:
    """Run such an engine; its containers and its store are gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("a second Docker Engine is started by root only")
    engine = PrivateEngine(data, prefix, options)
    _ip(prefix, "link", "add", engine.bridge, "type", "bridge")
    _ip(prefix, "address", "add", f"192.168.{secrets.randbelow(200) + 50}.1/24", "dev", engine.bridge)
    try:
        engine.start()
        yield engine
    finally:
        _remove_all(engine)
        engine.stop()
        _ip(prefix, "link", "delete", engine.bridge)
        shutil.rmtree(engine.folder, ignore_errors=True)


def _remove_all(engine: PrivateEngine) -> None:
    with contextlib.suppress(docker.errors.DockerException, OSError), contextlib.closing(engine.client()) as client:
        for container in client.containers(all=True):
            client.remove_container(container["Id"], force=True, v=True)


def _ip(prefix: Sequence[str], *words: str) -> None:
    subprocess.run([*prefix, "ip", *words], check=True, capture_output=True, env={**os.environ, "PATH": PATH})
