from __future__ import annotations

import os
import sys
from pathlib import Path

import image
import pytest
from builder.engine import Engine, EngineError, Unreachable
from builder.root import RootError, find_python, libraries_of, library_path, standard_library, usable


@pytest.mark.parametrize(
    ("libraries", "wanted"),
    [
        (["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/libz.so.1"], ""),
        (["/lib64/libc.so.6", "/opt/python/lib/libpython3.11.so.1.0"], "/opt/python/lib"),
        (["/b/lib/x.so", "/a/lib/y.so", "/a/lib/z.so"], "/a/lib:/b/lib"),
    ],
)
def test_only_unusual_folders_are_told_to_the_loader(libraries: list[str], wanted: str) -> None:
    assert library_path(libraries) == wanted


def test_a_virtual_environment_stands_for_its_base() -> None:
    python = find_python(sys.executable)
    assert not Path(python.binary).is_symlink()
    assert Path(python.binary).is_relative_to(os.path.realpath(sys.base_prefix))
    assert all(not folder.startswith(sys.prefix) or sys.prefix == sys.base_prefix for folder in python.folders)


def test_the_library_goes_in_without_tests_and_windows() -> None:
    files = list(standard_library(find_python(sys.executable)))
    assert any(path.endswith("/asyncio/base_events.py") for path in files)
    assert any(path.endswith(".so") for path in files)
    assert len(files) == len(set(files))
    unwanted = ("/site-packages/", "/idlelib/", "/tkinter/", "/test/", "/__pycache__/")
    assert not [path for path in files if any(part in path for part in unwanted)]


def test_shared_libraries_are_found_with_the_loader() -> None:
    libraries = libraries_of([os.path.realpath("/bin/sh"), find_python(sys.executable).binary])
    assert any("/ld-linux" in name for name in libraries) and any("/libc.so" in name for name in libraries)
    assert all(Path(name).exists() for name in libraries)
    assert usable([]) == []


@pytest.mark.parametrize("command", ["/no/such/python", "/bin/true", "/bin/false"])
def test_an_unusable_python_is_named_with_the_remedy(command: str) -> None:
    with pytest.raises(RootError):
        find_python(command)


def test_the_digest_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = find_python(sys.executable)
    before = image.digest_of(python)
    assert image.digest_of(python) == before
    (tmp_path / "image.py").write_text("changed")
    monkeypatch.setattr(image, "SOURCES", tmp_path)
    assert image.digest_of(python) != before


@pytest.mark.parametrize("address", ["ssh://host", "npipe:////./pipe/docker", "nonsense"])
def test_addresses_that_cannot_be_used_are_refused(address: str) -> None:
    with pytest.raises(EngineError, match="must be unix:///PATH or tcp://HOST:PORT"):
        Engine(address).labels("x:1")


@pytest.mark.parametrize("address", ["unix:///no/such.sock", "tcp://127.0.0.1:1"])
def test_a_missing_engine_is_named_with_the_remedy(address: str) -> None:
    with pytest.raises(Unreachable, match="no Docker Engine answers at .*start it"):
        Engine(address).labels("x:1")


def test_check_mode_foresees_the_build_where_no_engine_runs_yet() -> None:
    python = find_python(sys.executable)
    result = image.ensure_present(Engine("unix:///no/such.sock"), "x:1", python, check=True)
    assert (result["changed"], result["action"]) == (True, "would_build")
    with pytest.raises(Unreachable):
        image.ensure_present(Engine("unix:///no/such.sock"), "x:1", python, check=False)
