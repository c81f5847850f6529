# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image version - which vLLM an image holds, read inside it once and remembered by the image's id.

The container has no network, no GPU and nothing it can write to. It removes itself, and ends by itself.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import close, read_output, split_frames
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wait import wait

LABEL = "gpt_oss.fleet.version_of"
VERSION_LABEL = "gpt_oss.fleet.vllm_version"
_TITLE, _TITLED_VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"
_SECONDS = 60
# `vllm --version` imports all of vLLM.
_SECONDS_COMMAND = 180
_SECONDS_GONE = 10
_VERSION = re.compile(r"^(?:vllm )?v?(\d+(?:\.\d+)+\S*)\s*$", re.MULTILINE)
# The first process of a container is not ended by a signal that it does not handle.
# Where vllm has an environment of its own and python3 is another one, the command's first line says which.
_SCRIPT = f"""
import glob, importlib.metadata, os, shutil, signal
signal.signal(signal.SIGALRM, lambda *_unused: os._exit(1))
signal.alarm({_SECONDS - 10})
def found(**where):
    for entry in importlib.metadata.distributions(name="vllm", **where):
        print(entry.version, flush=True)
        return True
def own_folders():
    command = shutil.which("vllm")
    with open(command, "rb") as file:
        line = file.readline(500).decode("utf-8", "replace")
    program = line[2:].split()[0] if line.startswith("#!/") else command
    above = os.path.dirname(os.path.dirname(program))
    return glob.glob(above + "/lib*/python3*/*-packages")
found() or found(path=own_folders())
"""

_COMMANDS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("python3", "-c", _SCRIPT), _SECONDS),
    (("python", "-c", _SCRIPT), _SECONDS),
    (("vllm", "--version"), _SECONDS_COMMAND),
)


def read_version(engine: Engine, image: Mapping[str, Any]) -> tuple[str, str]:
    """Return the version of vLLM in an inspected image, such as 0.33.0, and why it could not be read.

    Asks Python's metadata first, then the labels, then the command, which takes a while. Both are empty for an image
    that holds no vLLM.
    """
    _clear(engine, time.time())
    labels = (image.get("Config") or {}).get("Labels") or {}
    problems = []
    for command, seconds in _COMMANDS:
        version = labelled_version(labels) if command[0] == "vllm" else ""
        if not version:
            version, problem = _printed(engine, image, command, seconds)
            problems += [problem] if problem else []
        if version:
            return version, ""
    return "", "; ".join(dict.fromkeys(problems))


def labelled_version(labels: Mapping[str, str]) -> str:
    """Return the version that an image's labels tell. A base image's own label of a version is not vLLM's."""
    told = labels.get(VERSION_LABEL)
    if not told and "vllm" in labels.get(_TITLE, "").lower():
        told = labels.get(_TITLED_VERSION)
    return printed_version(told or "")


def printed_version(text: str) -> str:
    """Return the version that stands alone on a line; empty when none does."""
    match = _VERSION.search(text)
    return match.group(1) if match else ""


def body(image_id: str, command: Sequence[str]) -> dict[str, Any]:
    """Return the container that is asked."""
    return {
        "Image": image_id,
        "Entrypoint": [command[0]],
        "Cmd": list(command[1:]),
        # A default runtime of NVIDIA's would give GPUs as the image asks, and refuse where the driver is too old.
        "Env": ["NVIDIA_VISIBLE_DEVICES=void", "PYTHONDONTWRITEBYTECODE=1"],
        "Labels": {LABEL: image_id},
        "HostConfig": {
            "AutoRemove": True,
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": ""},
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "none", "Config": {}},
        },
    }


def is_stale(container: Mapping[str, Any], now: float) -> bool:
    """Tell whether a container, in the engine's short form, is what a run that was broken off has left."""
    return container["State"] != "running" and float(container["Created"]) < now - _SECONDS_COMMAND


def _printed(engine: Engine, image: Mapping[str, Any], command: Sequence[str], seconds: float) -> tuple[str, str]:
    """Return the version that a command prints, and why it could not be asked. An image may well lack the command."""
    image_id = str(image["Id"])
    try:
        container_id = engine.create(f"vllm-version-{image_id[-12:]}-{os.getpid()}", body(image_id, command))
    except EngineError as exc:
        return "", str(exc)
    try:
        stream = engine.attach(container_id)
        try:
            engine.start(container_id)
            received, ended = read_output(stream, seconds)
        finally:
            close(stream)
    except EngineError as exc:
        return "", "" if diagnose_text(str(exc)).name == "no_such_program" else str(exc)
    finally:
        _remove(engine, container_id)
    return printed_version(split_frames(received)[0]), "" if ended else f"{command[0]} did not end in {seconds:g} s"


def _remove(engine: Engine, container_id: str) -> None:
    """Remove a container, which as a rule is just about to be gone by itself."""
    with suppress(EngineError):
        engine.remove(container_id)
    with suppress(EngineError):
        wait(lambda: engine.inspect(container_id) is None, bool, _SECONDS_GONE)


def _clear(engine: Engine, now: float) -> None:
    for container in engine.labelled(LABEL):
        if is_stale(container, now):
            _remove(engine, container["Id"])
