from __future__ import annotations

from pathlib import Path

import make_requirements
import pytest
import tomllib
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, read_lock

ROOT = Path(__file__).resolve().parents[3]
DIGEST = "a" * 64


def package(*wheels: str, marker: str = "") -> dict[str, object]:
    """Return a package as pylock.toml has it."""
    files = [{"url": f"https://example.com/{name}", "hashes": {"sha256": DIGEST}} for name in wheels]
    return {"name": "demo", "version": "1.0", "marker": marker, "wheels": files}


def test_tests_use_the_versions_of_the_managed_environment() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pins = {
        str(pinned).replace("-", "_") for pinned in read_lock((make_requirements.FILES / "requirements.in").read_text())
    }
    for name in ("docker", "httptools", "huggingface_hub", "requests"):
        (asked,) = (entry for entry in groups["test"] if entry.startswith(name))
        assert asked in pins, "pyproject.toml and requirements.in name different versions"
    assert next(pin for pin in pins if pin.startswith("httptools")) in (ROOT / "tools/reference.sh").read_text()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (package("demo-1.0-py3-none-any.whl"), Pinned("demo", "1.0", "", frozenset({DIGEST}))),
        (package("demo-1.0-py3-none-any.whl", marker="sys_platform == 'win32'"), None),
        (
            package("demo-1.0-py3-none-any.whl", marker="python_full_version >= '3.10' and sys_platform != 'x'"),
            Pinned("demo", "1.0", "", frozenset({DIGEST})),
        ),
        (
            package("demo-1.0-py3-none-any.whl", marker="python_full_version < '3.11'"),
            Pinned("demo", "1.0", "python_full_version < '3.11'", frozenset({DIGEST})),
        ),
        (package("demo-1.0-cp312-cp312-win_amd64.whl"), Pinned("demo", "1.0", "", frozenset())),
    ],
)
def test_what_a_host_can_have(found: dict[str, object], expected: Pinned | None) -> None:
    entry = make_requirements.locked(found)
    assert (entry[0] if entry else None) == expected


def test_a_package_without_a_wheel_for_some_host_is_refused() -> None:
    with pytest.raises(SystemExit, match="wanted a wheel of demo==1.0 for CPython 3.10 on aarch64, found none"):
        make_requirements.lock([package("demo-1.0-cp38-abi3-manylinux_2_17_x86_64.whl")])


def test_the_lock_can_be_read_again() -> None:
    pins = [Pinned("demo", "1.0", "python_full_version < '3.11'", frozenset({DIGEST}))]
    assert read_lock(make_requirements.text_of("requirements", pins)) == pins
