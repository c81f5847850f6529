# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment run - runs `vllm collect-env` where a server runs, or in a container of its own.

Inside the running server it sees what the server sees: its devices, its driver libraries, its variables. Where the
server's memory is limited the command could push the server over the limit, so it gets a container of its own.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, image_digest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_nodes import NodesError, with_gpu_nodes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import close, read_output, split_frames
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import is_secret_name
from ansible_collections.gpt_oss.fleet.plugins.module_utils._spec import wanted_body

COMMAND = ("vllm", "collect-env")
LABEL = "gpt_oss.fleet.environment_of"
# collect-env lists the packages by pip or uv and ends where neither is in the image. Then the same function is asked to
# take the list from Python itself; the interpreter is that of the command vllm. (vllm/collect_env.py, get_pip_packages)
_NO_PIP = re.compile(r"pip or uv module not available|'NoneType' object has no attribute 'splitlines'")
_WITHOUT_PIP = (
    "sh",
    "-c",
    'read -r line < "$(command -v vllm)"; exec ${line#??} -c "$0"',
    """
import importlib.metadata
import vllm.collect_env as report
names = {entry.metadata["Name"]: entry.version for entry in importlib.metadata.distributions()}
shown = [name for name in names if name and any(part in name for part in report.DEFAULT_PIP_PATTERNS)]
lines = [f"{name}=={names[name]}" for name in sorted(shown)]
report.get_pip_packages = lambda *unused, **ignored: ("pip3", "\\n".join(lines))
report.main()
""",
)
_SECONDS_TO_END = 10


class RunError(Exception):
    """The command could not be run, or did not end well. Secrets may be in the message."""


@dataclass(frozen=True)
class Place:
    """Where the command runs: inside the server's container, or in one made of `body`."""

    source: str
    image: str
    image_digest: str
    container: Optional[Mapping[str, Any]]
    body: Optional[Mapping[str, Any]]

    @property
    def command(self) -> str:
        """Return the command as one would type it."""
        if self.body is None:
            name = str((self.container or {}).get("Name", "")).lstrip("/")
            return f"docker exec {name} {' '.join(COMMAND)}"
        gpus = ' --gpus "..."' if self.body["HostConfig"]["DeviceRequests"] else ""
        return f'docker run --rm --network none --entrypoint ""{gpus} {self.image} {" ".join(COMMAND)}'


def place(engine: Engine, parameters: Mapping[str, Any]) -> Place:
    """Return where the command shall run. Raises RunError and EngineError."""
    container = engine.inspect(parameters["name"])
    usable = _usable(container)
    if parameters["source"] == "server" and usable:
        raise RunError(
            f"expected the container {parameters['name']} to run, but {usable}; start it, or set source: image"
        )
    limited = bool(container and container["HostConfig"].get("Memory"))
    if container and (
        parameters["source"] == "server" or (parameters["source"] == "auto" and not usable and not limited)
    ):
        image = engine.image(container["Image"]) or {}
        digest = image_digest(image) or str(container["Image"])
        return Place("server", container["Config"]["Image"], digest, container, None)
    return _own_container(engine, parameters, container)


def run(engine: Engine, where: Place, name: str, seconds: float) -> str:
    """Return what the command printed. Raises RunError and EngineError."""
    output, errors, code = _ended(engine, where, name, COMMAND, seconds)
    if code and _NO_PIP.search(errors):
        output, errors, code = _ended(engine, where, name, _WITHOUT_PIP, seconds)
    if code:
        last = "\n".join((errors or output).strip().splitlines()[-15:]) or "nothing was printed"
        raise RunError(
            f"expected {where.command} to end with 0, it ended with {code}. Last lines:\n{last}\n"
            f"Try the command by hand; the image must hold vLLM 0.10 or newer with its command vllm"
        )
    return output


def _ended(engine: Engine, where: Place, name: str, command: Sequence[str], seconds: float) -> tuple[str, str, int]:
    if where.body is None:
        return _execute(engine, str((where.container or {})["Id"]), command, seconds)
    return _run(engine, {**where.body, "Cmd": list(command)}, name, seconds)


def own_body(parameters: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container that the command gets of its own: the server's GPUs and mounts, and no network."""
    server: dict[str, Any] = defaultdict(lambda: None, parameters)
    server.update(entrypoint=[], arguments=list(COMMAND), network_mode="none", ipc_mode="private", api_key_file=None)
    body = wanted_body(server, image, "no")
    host = body["HostConfig"]
    host["Mounts"] = [mount for bind in host.pop("Binds") for mount in _read_only(bind)]
    host["LogConfig"] = {"Type": "none", "Config": {}}
    body["Env"] = [entry for entry in body["Env"] if not is_secret_name(entry.partition("=")[0])]
    body["Labels"] = {LABEL: parameters["name"]}
    return body


def _usable(container: Optional[Mapping[str, Any]]) -> str:
    """Return why no command can be run in a container; empty when one can."""
    if container is None:
        return "there is none of that name"
    state = container["State"]
    if not state["Running"] or state.get("Restarting") or state.get("Paused"):
        return f"it is {state.get('Status') or 'stopped'}"
    return ""


def _own_container(engine: Engine, parameters: Mapping[str, Any], container: Optional[Mapping[str, Any]]) -> Place:
    reference = parameters["image"] or (container["Config"]["Image"] if container else None)
    if not reference:
        raise RunError(f"expected the container {parameters['name']} to run or an image to be given; set image")
    image = engine.image(reference)
    if image is None:
        raise RunError(
            f"expected the image {reference} on this host, found none; nothing is pulled to look at it. Deploy the "
            "server first, or pull the image (docker pull)"
        )
    try:
        body = own_body(with_gpu_nodes({**parameters, "image": reference}), image)
    except NodesError as exc:
        raise RunError(str(exc)) from exc
    return Place("image", reference, image_digest(image), container, body)


def _read_only(bind: str) -> Iterator[dict[str, Any]]:
    """Yield a bind as a read-only mount. The engine would make a folder that is not there, so that one is left out."""
    source, target = bind.split(":")[:2]
    if Path(source).exists():
        yield {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def _execute(engine: Engine, container_id: str, command: Sequence[str], seconds: float) -> tuple[str, str, int]:
    execution_id, stream = engine.execute(container_id, list(command))
    try:
        received, ended = read_output(stream, seconds)
    finally:
        close(stream)
    if not ended:
        _kill(engine.execution(execution_id), container_id)
        raise RunError(_too_long(seconds))
    deadline = time.monotonic() + _SECONDS_TO_END
    state = engine.execution(execution_id)
    while state["Running"] and time.monotonic() < deadline:
        time.sleep(0.05)
        state = engine.execution(execution_id)
    return (*split_frames(received), int(state["ExitCode"] or 0))


def _kill(state: Mapping[str, Any], container_id: str) -> None:
    """End a command that hangs in the server's container. The process id counts on this host only: it must be there."""
    pid = int(state.get("Pid") or 0)
    with suppress(OSError):
        if state["Running"] and pid > 1 and container_id in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8"):
            os.kill(pid, signal.SIGKILL)


def _run(engine: Engine, body: Mapping[str, Any], name: str, seconds: float) -> tuple[str, str, int]:
    with _created(engine, body, name) as container_id:
        stream = engine.attach(container_id)
        try:
            engine.start(container_id)
            received, ended = read_output(stream, seconds)
        finally:
            close(stream)
        if not ended:
            raise RunError(_too_long(seconds))
        return (*split_frames(received), engine.wait(container_id, _SECONDS_TO_END))


@contextmanager
def _created(engine: Engine, body: Mapping[str, Any], name: str) -> Iterator[str]:
    for leftover in engine.labelled(f"{LABEL}={name}"):
        if leftover["State"] != "running":  # of a run that was broken off
            engine.remove(leftover["Id"])
    container_id = engine.create(f"{name}-environment-{os.getpid()}", dict(body))
    try:
        yield container_id
    finally:
        with suppress(EngineError):  # gone with its engine: what went wrong before says more
            engine.remove(container_id)


def _too_long(seconds: float) -> str:
    return (
        f"expected {' '.join(COMMAND)} to end within {seconds:g} s, it did not. Raise timeout, or look at nvidia-smi "
        "on the host: it hangs where a GPU does not answer"
    )
