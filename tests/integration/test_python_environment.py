"""python_environment with the real venv and pip: made, upgraded, taken back, and broken off at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from small_wheels import make_wheel, sha256

pytestmark = pytest.mark.slow

MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import python_environment
with patch_module_args(json.loads(sys.argv[1])):
    python_environment.main()
"""


class Environment:
    """The environment of one test, and the module run on it in a process of its own, as on a host."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "venv"
        self.wheels = folder / "wheels"
        self.python = self.path / "bin" / "python"
        for version in ("1.0", "2.0"):
            make_wheel(self.wheels, "demo", version)

    def start(self, requirements: str, check: bool = False, **more: Any) -> subprocess.Popen[str]:
        given = {"path": str(self.path), "requirements": requirements, "wheels": str(self.wheels), **more}
        arguments = {name: value for name, value in given.items() if value is not None}
        return subprocess.Popen(
            [sys.executable, "-c", MODULE, json.dumps({**arguments, "_ansible_check_mode": check})],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".ansible/collections")},
            start_new_session=True,
        )

    def run(self, requirements: str, check: bool = False, **more: Any) -> dict[str, Any]:
        output, errors = self.start(requirements, check, **more).communicate(timeout=120)
        assert output, errors
        return dict(json.loads(output.splitlines()[-1]))

    def demo(self) -> str:
        command = [self.python, "-c", "import demo; print(demo.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @property
    def versions(self) -> set[str]:
        return {folder.name for folder in (self.path / "versions").glob("*")}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_made_and_then_left_alone(environment: Environment) -> None:
    planned = environment.run("demo==1.0\n", check=True)
    assert (planned["changed"], planned["plan"], planned["python_version"] != "") == (True, "build", True)
    assert planned["diff"] == {"before": "", "after": "demo==1.0\n"}
    assert not environment.path.exists()

    lock = f"demo==1.0 \\\n    --hash=sha256:{sha256(environment.wheels / 'demo-1.0-py3-none-any.whl')}\n"
    made = environment.run(lock)
    assert (made["changed"], made["plan"], made["version"]) == (True, "build", *environment.versions)
    assert {"name": "demo", "version": "1.0"} in made["packages"]
    assert made["python"] == str(environment.python)
    assert environment.demo() == "1.0"

    again = environment.run(lock, wheels=None)
    assert (again["changed"], again["plan"], again["version"]) == (False, "none", made["version"])


def test_upgraded_while_a_process_runs_and_taken_back_without_wheels(environment: Environment) -> None:
    old = environment.run("demo==1.0\n")["version"]
    lazy = [environment.python, "-c", "import demo; input(); from demo import late; print(demo.version, late.version)"]
    process = subprocess.Popen(lazy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    new = environment.run("demo==2.0\n")
    assert new["diff"] == {"before": "demo==1.0\n", "after": "demo==2.0\n"}
    assert environment.demo() == "2.0"
    make_wheel(environment.wheels, "demo", "3.0")
    third = environment.run("demo==3.0\n")
    assert third["removed"] == []
    assert process.communicate("\n")[0] == "1.0 1.0\n"

    back = environment.run("demo==2.0\n", wheels="/nonexistent", check=True)
    assert (back["plan"], back["version"]) == ("switch", new["version"])
    back = environment.run("demo==2.0\n", wheels="/nonexistent")
    assert (back["changed"], back["plan"], back["version"]) == (True, "switch", new["version"])
    assert environment.demo() == "2.0"
    assert old not in environment.versions


@pytest.mark.parametrize("moment", ["bin/python", "bin/pip", "lib/python3*/site-packages/demo/late.py"])
def test_killed_in_the_middle_of_an_upgrade(environment: Environment, moment: str) -> None:
    old = environment.run("demo==1.0\n")["version"]
    process = environment.start("demo==2.0\n")
    kill_when(
        process, lambda: any(p.parent for p in environment.path.glob(f"versions/*/{moment}") if old not in str(p))
    )
    assert environment.demo() == "1.0"
    kept = environment.run("demo==1.0\n")
    assert (kept["changed"], kept["version"]) == (False, old)

    mended = environment.run("demo==2.0\n")
    assert (mended["changed"], environment.demo()) == (True, "2.0")
    assert environment.versions == {old, mended["version"]}


def kill_when(process: subprocess.Popen[str], reached: Any) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    ("requirements", "more", "expected"),
    [
        (
            "demo==2.0\n",
            {"wheels": None, "index_url": "http://user:secret@127.0.0.1:9/simple"},
            ["the package index http://127.0.0.1:9/simple cannot be reached", "gpt_oss_bundle"],
        ),
        ("demo==9.0\n", {}, ["wheels has no fitting file for CPython 3.", "bundle_pythons"]),
        (f"demo==2.0 --hash=sha256:{'0' * 64}\n", {}, ["another than the locked one", "synchronise the mirror"]),
        ("demo==2.0\n", {"wheels": "/nonexistent"}, ["expected a folder of wheels at /nonexistent", "hf_cache_wheels"]),
        (
            "demo==2.0\n",
            {"python": "python3.99"},
            ["wanted python3.99 of 3.10 or newer", "found none that runs", "hf_cache_python_command"],
        ),
    ],
)
def test_a_failed_upgrade_leaves_the_old_one(
    environment: Environment, requirements: str, more: dict[str, Any], expected: list[str]
) -> None:
    old = environment.run("demo==1.0\n")["version"]
    failed = environment.run(requirements, **more)
    assert failed["failed"]
    for text in [*expected, f"{old} stays in force"]:
        assert text in failed["msg"]
    assert "secret" not in failed["msg"]
    assert (environment.demo(), environment.versions) == ("1.0", {old})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB: as much as two small environments."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    environment = Environment(small_disk)
    old = environment.run("demo==1.0\n")["version"]
    make_wheel(environment.wheels, "demo", "3.0", size=20_000_000)
    failed = environment.run("demo==3.0\n")
    assert failed["failed"]
    assert "the disk is full" in failed["msg"]
    assert (environment.demo(), environment.versions) == ("1.0", {old})


def test_a_python_that_is_gone(environment: Environment, tmp_path: Path) -> None:
    gone = tmp_path / "python-of-yesterday"
    gone.symlink_to(Path(sys.executable).resolve())
    environment.run("demo==1.0\n", python=str(gone))
    gone.unlink()
    assert subprocess.run([environment.python, "-c", ""], check=False, capture_output=True).returncode != 0
    made = environment.run("demo==1.0\n")
    assert (made["changed"], made["plan"]) == (True, "build")
    assert environment.demo() == "1.0"
    assert not environment.run("demo==1.0\n")["changed"]


def test_another_python_is_asked_for(environment: Environment, tmp_path: Path) -> None:
    first = environment.run("demo==1.0\n")
    other = next((p for p in other_pythons(first["python_version"])), None)
    if other is None:
        pytest.skip("this machine has one Python only")
    second = environment.run("demo==1.0\n", python=other)
    assert (second["changed"], second["python_version"] != first["python_version"]) == (True, True)
    assert not environment.run("demo==1.0\n", python=other)["changed"]


def other_pythons(version: str) -> Iterator[str]:
    for path in ["/usr/bin/python3", *map(str, Path.home().glob(".pyenv/versions/3.1*/bin/python3"))]:
        with contextlib.suppress(OSError):
            look = [path, "-c", "import sys, ensurepip; print('%d.%d.%d' % sys.version_info[:3])"]
            said = subprocess.run(look, capture_output=True, text=True, check=False).stdout.strip()
            if said and said != version and tuple(map(int, said.split("."))) >= (3, 10):
                yield path


def test_an_optional_package_is_done_without_until_its_wheel_comes(environment: Environment) -> None:
    optional = {"optional_requirements": "extra==1.0\n"}
    made = environment.run("demo==1.0\n", **optional)
    assert (made["changed"], made["missing_optional"]) == (True, ["extra==1.0"])
    assert "no fitting file" in made["optional_problem"]
    again = environment.run("demo==1.0\n", **optional)
    assert (again["changed"], again["missing_optional"]) == (False, ["extra==1.0"])

    make_wheel(environment.wheels, "extra", "1.0")
    found = environment.run("demo==1.0\n", **optional)
    assert (found["changed"], found["missing_optional"]) == (True, [])
    assert {"name": "extra", "version": "1.0"} in found["packages"]
    assert not environment.run("demo==1.0\n", **optional)["changed"]


def test_two_at_once(environment: Environment) -> None:
    both = [environment.start("demo==1.0\n") for _unused in range(2)]
    results = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in both]
    assert sorted(result["changed"] for result in results) == [False, True]
    assert (environment.demo(), len(environment.versions)) == ("1.0", 1)


def test_a_plain_virtual_environment_is_taken_over(environment: Environment) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment.path], check=True)
    assert environment.run("demo==1.0\n")["changed"]
    assert environment.demo() == "1.0"
