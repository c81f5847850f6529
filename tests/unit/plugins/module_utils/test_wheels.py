from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _wheels
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, Target, WheelError

FILES = Path(__file__).parents[4] / "roles/hf_cache/files"
A, B = "a" * 64, "b" * 64


def pin(name: str = "demo", version: str = "1.0", marker: str = "", hashes: tuple[str, ...] = ()) -> Pinned:
    return Pinned(name, version, marker, frozenset(hashes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# a comment\n\n", []),
        ("demo==1.0\n", [pin()]),
        ("De_Mo==1.0 # said beside\n", [pin("de-mo")]),
        (
            f"demo==1.0 ; python_version < '3.14' \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n",
            [pin(marker="python_version < '3.14'", hashes=(A, B))],
        ),
        (f"demo==1.0 --hash=sha256:{A}\r\nother==2\r\n", [pin(hashes=(A,)), pin("other", "2")]),
    ],
)
def test_read_lock(text: str, expected: list[Pinned]) -> None:
    assert _wheels.read_lock(text) == expected


@pytest.mark.parametrize("text", ["demo", "demo>=1.0", "demo @ https://example.com/demo.whl", "-r more.txt"])
def test_what_is_not_pinned(text: str) -> None:
    with pytest.raises(WheelError, match="pinned as name==version"):
        _wheels.read_lock(text)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("demo-1.0-py3-none-any.whl", True),
        ("Demo-1.0-py3-none-any.whl", True),
        ("demo-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("demo-1.0-cp38-abi3-manylinux_2_28_x86_64.whl", True),
        ("demo-1.0-cp312-cp312-manylinux_2_39_x86_64.whl", False),
        ("demo-1.0-cp312-cp312-manylinux_2_17_aarch64.whl", False),
        ("demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl", False),
        ("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", False),
        ("demo-1.1-py3-none-any.whl", False),
        ("other-1.0-py3-none-any.whl", False),
        ("demo-1.0.tar.gz", False),
        ("README", False),
    ],
)
def test_fits(file_name: str, expected: bool) -> None:
    assert _wheels.fits(file_name, pin(), Target("3.12", "x86_64").tags()) is expected


@pytest.mark.parametrize(
    ("marker", "python", "expected"),
    [
        ("", "3.10", True),
        ("python_full_version < '3.11'", "3.10", True),
        ("python_full_version < '3.11'", "3.12", False),
        ("python_full_version == '3.10.*'", "3.10", True),
        ("sys_platform == 'win32'", "3.10", False),
        ("platform_machine == 'aarch64'", "3.10", False),
    ],
)
def test_wants(marker: str, python: str, expected: bool) -> None:
    assert Target(python, "x86_64").wants(pin(marker=marker)) is expected


def test_missing() -> None:
    lock = [pin("one"), pin("two"), pin("old", marker="python_version < '3.11'")]
    assert _wheels.missing(lock, Target("3.12", "x86_64"), ["one-1.0-py3-none-any.whl"]) == [pin("two")]


@pytest.mark.parametrize("name", ["requirements", "requirements-optional"])
def test_the_lock_holds_what_its_wishes_ask_for(name: str) -> None:
    lock = {str(pinned): pinned for pinned in _wheels.read_lock((FILES / f"{name}.txt").read_text())}
    wishes = _wheels.read_lock((FILES / f"{name}.in").read_text())
    assert wishes
    assert {str(wish) for wish in wishes} <= set(lock), "run tools/make_requirements.py"
    assert all(pinned.hashes for pinned in lock.values())


@pytest.mark.parametrize("python", _wheels.PYTHONS)
def test_each_python_has_one_version_of_each_package(python: str) -> None:
    target = Target(python, "x86_64")
    names = [p.name for p in _wheels.read_lock((FILES / "requirements.txt").read_text()) if target.wants(p)]
    assert sorted(names) == sorted(set(names))
    assert {"docker", "httptools", "huggingface-hub", "pip", "requests", "packaging"} <= set(names)
