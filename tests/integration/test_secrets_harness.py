# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets finds one that was planted, in each kind of place and each way to write it."""

from __future__ import annotations

import gzip
import html
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import docker
import pytest
import yaml
from secrets_harness import Canary, Finding, Watch, found_below, found_in, found_in_container

CANARY = Canary("planted")
WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper": lambda text: text.upper().encode(),
    "JSON": lambda text: json.dumps(json.dumps(text)).encode(),
    "YAML": lambda text: yaml.safe_dump({"key": text}).encode(),
    "URL": lambda text: quote(text, safe="").encode(),
    "HTML": lambda text: html.escape(text).encode(),
    "repr": lambda text: repr(text.encode()).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    **{f"base64 {n}": lambda text, n=n: b64encode(b"x" * n + text.encode() + b"y") for n in range(3)},
    **{f"base64url {n}": lambda text, n=n: urlsafe_b64encode(b"x" * n + text.encode()) for n in range(3)},
}


def tar(data: bytes, mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        entry = tarfile.TarInfo("inner/file")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/file", data)
    return file.getvalue()


ARCHIVES: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "tar": lambda data: tar(data, "w"),
    "tar.gz": lambda data: tar(data, "w:gz"),
    "zip": zipped,
    "zip in tar.gz": lambda data: tar(zipped(data), "w:gz"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_write_it_is_found(way: str) -> None:
    data = b"before " + WAYS[way](CANARY.value) + b" after"
    assert found_in(data, "here", [CANARY]) == {Finding("planted", "here")}
    assert found_in(data, "here", [Canary("another")]) == set()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_it_is_found_inside_archives(kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "archive").write_bytes(ARCHIVES[kind](CANARY.value.encode()))
    assert {finding.canary for finding in found_below(tmp_path, [CANARY])} == {"planted"}
    assert found_below(tmp_path, [CANARY], [tmp_path / "folder"]) == set()


def test_it_is_found_in_names_and_links(tmp_path: Path) -> None:
    (tmp_path / CANARY.stem).touch()
    (tmp_path / "link").symlink_to(f"/nowhere/{CANARY.stem}")
    assert len(found_below(tmp_path, [CANARY])) == 2


def test_it_is_found_in_processes_and_in_what_the_engine_tells(
    engine: docker.APIClient, simulator_image: str, prefix: str
) -> None:
    said, labelled, argument, variable = (Canary(name) for name in ("said", "labelled", "argument", "variable"))
    canaries = [said, labelled, argument, variable]
    with Watch(engine, canaries) as watch:
        container = engine.create_container(
            simulator_image, name=f"{prefix}-one", entrypoint=["/bin/sh", "-c", f"echo '{said.value}'"],
            labels={"label": labelled.value}, environment={"X": variable.value},
        )  # fmt: skip
        engine.start(container)
        engine.wait(container)
        wait = "import time; time.sleep(1)"
        subprocess.run([sys.executable, "-c", wait, argument.value], env={"X": variable.value}, check=True)
        time.sleep(0.5)
    inspected = found_in_container(engine, f"{prefix}-one", canaries)
    assert {finding.canary for finding in inspected} == {"said", "labelled", "variable"}
    assert Finding("said", f"docker logs {prefix}-one") in inspected
    assert {
        Finding("argument", "cmdline on the host"),
        Finding("variable", "environ on the host"),
        Finding("labelled", "docker events"),
    } <= watch.found
