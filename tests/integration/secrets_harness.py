# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canaries, and a search for them in all that a run leaves: files, archives, processes, containers, what modules log.

A canary is a secret that nobody else has. It is searched for by its stem of letters and digits, which no escaping
(JSON, URL, HTML, shell, YAML) changes, in any case of letters, and by what base64 makes of it at each alignment.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import tarfile
import threading
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

# Modules tell the system's log what they were asked; not every machine has one, so this is put in its place.
_SITE = """
import os, syslog
def _written(*words):
    with open(os.environ["MODULES_SYSLOG"], "a") as file:
        file.write(repr(words) + "\\n")
syslog.syslog = _written
"""
_DEEPEST_ARCHIVE = 4


@dataclass(frozen=True)
class Canary:
    """A secret with a name; its value has what escaping changes around the stem."""

    name: str
    stem: str = field(default_factory=lambda: f"canary{secrets.token_hex(12)}", compare=False)

    @property
    def value(self) -> str:
        return f'+/="{self.stem}%&'

    def forms(self) -> Iterator[bytes]:
        """Yield what to look for."""
        yield self.stem.encode()
        yield self.stem.encode().hex().encode()
        yield self.stem.encode("utf-16-le")
        for encode in (b64encode, urlsafe_b64encode):
            for before in range(3):
                # The letters at either end hold bits of what stands beside.
                encoded = encode(b"\0" * before + self.stem.encode()).rstrip(b"=")
                yield encoded[(8 * before + 5) // 6 : -1]

    def within(self, data: bytes) -> bool:
        lower = data.lower()
        return any(form in data or form in lower for form in self.forms())


@dataclass(frozen=True, order=True)
class Finding:
    """A place that holds a canary."""

    canary: str
    place: str


def found_in(data: bytes, place: str, canaries: Iterable[Canary]) -> set[Finding]:
    """Return the canaries in some bytes, and in what these hold where they are an archive."""
    canaries = list(canaries)
    found = {Finding(canary.name, place) for canary in canaries if canary.within(data)}
    for name, content in _unpacked(data, place):
        found |= found_in(content, f"{place}!{name}" if place.count("!") < _DEEPEST_ARCHIVE else place, canaries)
    return found


def _unpacked(data: bytes, place: str) -> Iterator[tuple[str, bytes]]:
    if place.count("!") >= _DEEPEST_ARCHIVE:
        return
    if data[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError):
            yield "gzip", gzip.decompress(data)
    elif data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                yield member.name, file.read() if file else member.linkname.encode()


def found_below(root: Path, canaries: Iterable[Canary], apart_from: Iterable[Path] = ()) -> set[Finding]:
    """Return the canaries in the names and contents of all files below a folder."""
    canaries, skipped, found = list(canaries), set(apart_from), set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in skipped]
        for name in files:
            path = Path(folder, name)
            if path in skipped or not (path.is_file() or path.is_symlink()):
                continue
            found |= found_in(os.fsencode(path), f"the name {path}", canaries)
            if path.is_symlink():
                found |= found_in(os.fsencode(path.readlink()), f"the link {path}", canaries)
            else:
                found |= found_in(path.read_bytes(), str(path), canaries)
    return found


def found_in_container(engine: docker.APIClient, name: str, canaries: Iterable[Canary]) -> set[Finding]:
    """Return the canaries in what the engine tells of a container, and in its log."""
    canaries = list(canaries)
    inspected = json.dumps(engine.inspect_container(name)).encode()
    log = engine.logs(name)
    return found_in(inspected, f"docker inspect {name}", canaries) | found_in(log, f"docker logs {name}", canaries)


class Watch:
    """Looks, until it is left, at arguments and environments of all processes, and hears the engine's events."""

    def __init__(self, engine: docker.APIClient, canaries: Iterable[Canary]) -> None:
        self.found: set[Finding] = set()
        self._engine, self._canaries = engine, list(canaries)
        self._stems = [canary.stem.encode() for canary in self._canaries]
        self._ended = threading.Event()
        self._events: Any = None
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._look, self._hear)]

    def __enter__(self) -> Watch:
        self._events = self._engine.events()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._threads[0].join()
        self._events.close()
        self._threads[1].join(5)

    def _hear(self) -> None:
        with suppress(Exception):  # the stream's end, when it is closed, has no one class
            for event in self._events:
                self.found |= found_in(event, "docker events", self._canaries)

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            for folder in Path("/proc").iterdir():
                if folder.name.isdecimal() and int(folder.name) != os.getpid():
                    self._look_at(folder)

    def _look_at(self, folder: Path) -> None:
        for what in ("cmdline", "environ"):
            with suppress(OSError):
                data = (folder / what).read_bytes()
                if not any(stem in data for stem in self._stems):
                    continue
                inside = "/docker/" in (folder / "cgroup").read_text() or "docker-" in (folder / "cgroup").read_text()
                where = "a container" if inside else "the host"
                self.found |= found_in(data, f"{what} on {where}", self._canaries)


def telling_environment(root: Path) -> dict[str, str]:
    """Return the environment in which ansible keeps all that it can be made to keep, below a folder."""
    (root / "site").mkdir(parents=True, exist_ok=True)
    (root / "site" / "sitecustomize.py").write_text(_SITE)
    callbacks = Path(__file__).resolve().parents[1] / "tools" / "callbacks"
    return {
        **os.environ,
        "ANSIBLE_LOG_PATH": str(root / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(root / "facts"),
        "ANSIBLE_LOCAL_TEMP": str(root / "local_tmp"),
        "ANSIBLE_REMOTE_TEMP": str(root / "remote_tmp"),
        # What ansible-core did before 2.21: results hold what the module was asked.
        "ANSIBLE_INJECT_INVOCATION": "true",
        "ANSIBLE_CALLBACK_PLUGINS": str(callbacks),
        "ANSIBLE_CALLBACKS_ENABLED": "every_result",
        "EVERY_RESULT_FILE": str(root / "results.jsonl"),
        "MODULES_SYSLOG": str(root / "syslog"),
        "PYTHONPATH": str(root / "site"),
    }
