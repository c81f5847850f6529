# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine - the Docker Engine. The only file that imports the docker SDK.

Dictionaries go in and out in the Engine API's own shape (https://docs.docker.com/reference/api/engine/).
"""

from __future__ import annotations

import os
import select
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import LABEL_REVISION
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine_address import AddressError, certificates, remedy
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import waiting
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_arguments, without_secrets

try:
    import docker
    import docker.errors
    from docker.tls import TLSConfig
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError
except ImportError:
    DOCKER_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    DOCKER_IMPORT_ERROR = None

    class _Direct(docker.APIClient):
        """A client that reaches the engine where it stands, and trusts the authority that was named for it.

        requests would prefer the environment's proxies, and REQUESTS_CA_BUNDLE to the authority of the session.
        """

        @property
        def trust_env(self) -> bool:
            return False

        @trust_env.setter
        def trust_env(self, wanted: bool) -> None:
            pass


_READ_SIZE = 65536
_CHUNK_SIZE = 1 << 20


class EngineError(Exception):
    """The engine could not be reached, or refused. `status` is its HTTP status, None when it was not reached."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Watch:
    """A container's output stream: its end is the container's, seen at once and without asking again and again.

    `sink` is given the bytes that come meanwhile, in the engine's frames (see _output).
    """

    def __init__(self, stream: Any, sink: Callable[[bytes], Any] = len) -> None:
        self._stream = stream
        self.sink = sink

    def ended(self, seconds: float) -> bool:
        """Wait `seconds`, however much output there is; return True as soon as the stream has ended."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            if not waiting(self._stream) and not select.select([self._stream], [], [], left)[0]:
                return False
            received = self._read()
            if not received:
                return True
            self.sink(received)
            if not left:
                return False

    def close(self) -> None:
        """Let go of the stream; the container does not notice."""
        # The SDK hangs the reply on its socket; closed in the other order the reply complains.
        getattr(self._stream, "_response", self._stream).close()

    def _read(self) -> bytes:
        read = getattr(self._stream, "read", None) or self._stream.recv
        try:
            return bytes(read(_READ_SIZE) or b"")
        except OSError:
            return b""


def checked_container(found: Any) -> dict[str, Any]:
    """Return an inspected container that has the parts which are always there. Raises EngineError."""
    parts = found if isinstance(found, dict) else {}
    sound = all(isinstance(parts.get(name), dict) for name in ("State", "Config", "HostConfig"))
    if not sound or not isinstance(parts.get("Id"), str) or "StartedAt" not in parts["State"]:
        raise EngineError(
            "expected what Docker's API tells of a container, found only "
            f"{', '.join(sorted(map(str, parts))) or 'another kind of answer'}; is this a Docker Engine?"
        )
    return parts


class Engine:
    """One Docker Engine, by way of the SDK's low-level client. Each method raises EngineError."""

    def __init__(self, client: Any, docker_host: str) -> None:
        self._client = client
        self.docker_host = docker_host

    def inspect(self, name: str) -> dict[str, Any] | None:
        """Return a container by its whole name or id, None when there is none."""
        found = self._optional("inspect_container", name)
        if found is None:
            return None
        container = checked_container(found)
        return container if name in (str(container.get("Name", "")).lstrip("/"), container["Id"]) else None

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return a local image, None when it is not there."""
        return self._optional("inspect_image", reference)

    def images(self) -> list[dict[str, Any]]:
        """Return the local images in the engine's short form."""
        return list(self._call("images"))

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        return dict(self._call("info"))

    def registry_digest(self, reference: str) -> str:
        """Return the digest that an image has in its registry now. Nothing of the image is pulled."""
        return str(self._call("inspect_distribution", reference)["Descriptor"]["digest"])

    def pull(self, reference: str, seconds: float = float("inf")) -> None:
        """Pull an image by tag or digest, in so many seconds at most."""
        deadline = time.monotonic() + seconds
        for _line in self.pulling(reference):
            if time.monotonic() > deadline:
                raise EngineError(f"the pull took longer than {seconds:g} s (stage_timeouts.pulled)")

    def pulling(self, reference: str) -> Iterator[dict[str, Any]]:
        """Pull an image by tag or digest; yield the engine's lines of progress. The image is there after the last."""
        yield from self._lines("pull", reference, stream=True, decode=True)

    def loading(self, chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """Load images from an archive's bytes; yield the engine's lines. When `chunks` raises, nothing is loaded."""
        with self._patient():
            yield from self._lines("load_image", chunks, quiet=False)

    def saving(self, reference: str) -> Iterator[bytes]:
        """Yield the bytes of an image's archive. By id, the archive holds no name."""
        yield from self._iterate("get_image", reference, chunk_size=_CHUNK_SIZE)

    def tag(self, image_id: str, name: str, tag: str) -> None:
        """Give an image a name. What bore it before does so no longer."""
        self._call("tag", image_id, name, tag)

    def remove_image(self, reference: str) -> None:
        """Take a name from an image, or remove it by its id; without a name left it goes, unless it is in use."""
        self._call("remove_image", reference)

    def create(self, name: str, config: dict[str, Any]) -> str:
        """Create a container; return its id."""
        return str(self._call("create_container_from_config", config, name)["Id"])

    def start(self, container_id: str) -> None:
        """Start a container."""
        self._call("start", container_id)

    def stop(self, container_id: str, timeout: int) -> None:
        """Send SIGTERM, and SIGKILL after `timeout` seconds."""
        self._call("stop", container_id, timeout=timeout)

    def remove(self, container_id: str) -> None:
        """Remove a container and its anonymous volumes, running or not."""
        self._call("remove_container", container_id, v=True, force=True)

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""
        self._call("rename", container_id, name)

    def set_restart_policy(self, container_id: str, policy: str) -> None:
        """Change the restart policy of a container as it stands."""
        self._call("update_container", container_id, restart_policy={"Name": policy, "MaximumRetryCount": 0})

    def log_lines(self, container_id: str, since: float | None = None, tail: int | str = "all") -> Iterator[str]:
        """Yield the lines of a container's output, each with its RFC 3339 timestamp first, oldest first."""
        stream = self._iterate(
            "logs", container_id, stream=True, follow=False, timestamps=True, tail=tail, since=since or None
        )
        rest = ""
        for chunk in stream:
            *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
            yield from lines
        if rest:
            yield rest

    def watch(self, container_id: str) -> Watch:
        """Attach to a container's output."""
        parameters = {"stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
        return Watch(self._call("attach_socket", container_id, params=parameters))

    def attach(self, container_id: str) -> Any:
        """Return the socket of a container's output, to be attached before its start (see _output)."""
        return self._call("attach_socket", container_id, params={"stdout": 1, "stderr": 1, "stream": 1, "logs": 0})

    def wait(self, container_id: str, seconds: int) -> int:
        """Wait for a container's end; return its exit code."""
        return int(self._call("wait", container_id, timeout=seconds)["StatusCode"])

    def execute(self, container_id: str, command: list[str]) -> tuple[str, Any]:
        """Start a command in a running container; return its id and the socket of its output (see _output)."""
        execution_id = str(self._call("exec_create", container_id, command)["Id"])
        return execution_id, self._call("exec_start", execution_id, socket=True)

    def execution(self, execution_id: str) -> dict[str, Any]:
        """Return what the engine knows of a command in a container: Running, ExitCode, Pid (the host's)."""
        return dict(self._call("exec_inspect", execution_id))

    def labelled(self, label: str) -> list[dict[str, Any]]:
        """Return all containers, running or not, that bear a label (name or name=value), in the engine's short form."""
        return list(self._call("containers", all=True, filters={"label": label}))

    def containers(self) -> list[dict[str, Any]]:
        """Return the running containers in the engine's short form."""
        return list(self._call("containers"))

    def all_containers(self) -> list[dict[str, Any]]:
        """Return all containers, running or not, in the engine's short form."""
        return list(self._call("containers", all=True))

    def _optional(self, method: str, name: str) -> dict[str, Any] | None:
        try:
            return dict(self._call(method, name))
        except EngineError as exc:
            if exc.status == 404:
                return None
            raise

    def _iterate(self, method: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        with self._translated():
            yield from getattr(self._client, method)(*arguments, **options)

    def _lines(self, method: str, *arguments: Any, **options: Any) -> Iterator[dict[str, Any]]:
        for line in self._iterate(method, *arguments, **options):
            if line.get("error"):
                raise EngineError(str(line["error"]))
            yield line

    @contextmanager
    def _patient(self) -> Iterator[None]:
        """Wait for the engine as long as it takes: a large layer is minutes' work during which it says nothing."""
        timeout, self._client.timeout = self._client.timeout, None
        try:
            yield
        finally:
            self._client.timeout = timeout

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        with self._translated():
            return getattr(self._client, method)(*arguments, **options)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as exc:
            status = exc.response.status_code if exc.response is not None else None
            raise EngineError(str(exc.explanation or exc), status) from exc
        # HTTPError: of a stream that breaks off, as when the engine is killed, docker gives urllib3's own error.
        except (docker.errors.DockerException, RequestException, HTTPError, OSError) as exc:
            raise EngineError(_unreachable(self.docker_host, exc)) from exc


def connect(docker_host: str) -> Engine:
    """Return the engine at `docker_host`, such as unix:///var/run/docker.sock. Raises EngineError."""
    if DOCKER_IMPORT_ERROR:
        raise EngineError("the Python library docker is missing; install it for the interpreter that runs the module")
    try:
        wanted = certificates(docker_host, os.environ)
        tls = TLSConfig(client_cert=wanted.client, ca_cert=wanted.ca, verify=True) if wanted else None
        client = _Direct(base_url=docker_host, version="auto", timeout=60, tls=tls or False)
    except AddressError as exc:
        raise EngineError(str(exc)) from exc
    except (docker.errors.DockerException, RequestException, OSError, ValueError) as exc:
        raise EngineError(_unreachable(docker_host, exc)) from exc
    return Engine(client, docker_host)


def describe(engine: Engine, container_name: str) -> dict[str, Any] | None:
    """Return what identifies a server's container, None when there is none. Secrets are left out.

    `environment` holds what was added to the image's own; `arguments` is the command after the entrypoint; `revision`
    is the commit of the model's weights that the container was labelled with, if it was.
    """
    container = engine.inspect(container_name)
    if container is None:
        return None
    config = container["Config"]
    image = engine.image(container["Image"]) or {}
    inherited = set((image.get("Config") or {}).get("Env") or [])
    added = dict(entry.partition("=")[::2] for entry in config.get("Env") or [] if entry not in inherited)
    return {
        "id": container["Id"],
        "image": config["Image"],
        "image_digest": image_digest(image) or container["Image"],
        "arguments": mask_arguments(config.get("Cmd") or []),
        "environment": without_secrets(added),
        "started_at": container["State"]["StartedAt"],
        "running": bool(container["State"]["Running"]),
        "revision": (config.get("Labels") or {}).get(LABEL_REVISION),
    }


def image_digest(image: dict[str, Any]) -> str:
    """Return the registry's digest (name@sha256:...) of an inspected image, else its id, else an empty string."""
    digests = image.get("RepoDigests") or []
    return str(digests[0] if digests else image.get("Id", ""))


def _unreachable(docker_host: str, exc: Exception) -> str:
    told = remedy(str(exc))
    if told:
        return f"expected a Docker Engine at {docker_host}, could not talk to it: {exc}; {told}"
    return (
        f"expected a Docker Engine at {docker_host}, could not talk to it: {exc}; "
        "start the engine (systemctl start docker), or set docker_host, "
        "and let the module run as a user who may use it"
    )
