from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_build import Recipe, satisfies, wishes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_folder import Folder, Version, in_use

RECIPE = Recipe("docker==7.2.0\n")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "it's a venv"))


def have(folder: Folder, name: str, **record: object) -> Version:
    (folder.place(name) / "bin").mkdir(parents=True)
    (folder.place(name) / "bin" / "python").symlink_to(sys.executable)
    return folder.complete(name, {"digest": RECIPE.digest, **record})


def test_nothing_is_there(folder: Folder) -> None:
    assert folder.in_force() is None
    assert folder.versions() == []
    assert folder.clean([]) == []


def test_the_version_in_force(folder: Folder) -> None:
    old, new = have(folder, "old"), have(folder, "new")
    folder.enforce(old)
    assert folder.in_force() == old
    folder.enforce(new)
    assert folder.in_force() == new
    said = subprocess.run([folder.script, "-c", "print('runs')"], capture_output=True, text=True, check=True)
    assert said.stdout == "runs\n"


def test_half_a_version_does_not_count(folder: Folder) -> None:
    folder.enforce(have(folder, "half"))
    (folder.place("half") / "gpt_oss.json").write_text("{")
    assert folder.in_force() is None


def test_a_version_whose_python_is_gone_does_not_count(folder: Folder) -> None:
    version = have(folder, "gone")
    folder.enforce(version)
    version.python.unlink()
    version.python.symlink_to("/nonexistent/python3.9")
    assert folder.in_force() is None


def test_clean_leaves_what_is_kept_or_used(folder: Folder) -> None:
    kept, used, idle = have(folder, "kept"), have(folder, "used"), have(folder, "idle")
    process = subprocess.Popen(
        [used.python, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        process.stdout.readline()  # its command line reads empty until the kernel has set it up
        assert in_use(used.folder)
        assert not in_use(idle.folder)
        assert folder.clean([kept.folder]) == ["idle"]
        assert folder.versions() == [kept, used]
    finally:
        process.communicate(b"\n")
    assert folder.clean([kept.folder]) == ["used"]


def test_a_new_version_has_a_name_of_its_own(folder: Folder) -> None:
    assert folder.free_name("a") == "a"
    have(folder, "a")
    have(folder, "a-2")
    assert folder.free_name("a") == "a-3"


@pytest.mark.parametrize(
    ("record", "recipe", "command", "expected"),
    [
        ({}, RECIPE, "", True),
        ({}, Recipe("docker==7.1.0\n"), "", False),
        ({}, Recipe(RECIPE.requirements, "libtorrent==2.1.1\n"), "", False),
        ({"base": sys.executable}, RECIPE, "/nonexistent/python3.9", False),
        (
            {"missing_optional": ["libtorrent==2.1.1"], "listing": "old"},
            Recipe(RECIPE.requirements, wheels="/"),
            "",
            False,
        ),
        (
            {"missing_optional": ["libtorrent==2.1.1"], "listing": ""},
            Recipe(RECIPE.requirements, wheels="/w"),
            "",
            True,
        ),
        ({"missing_optional": ["libtorrent==2.1.1"], "listing": "old"}, RECIPE, "", True),
        ({"missing_optional": [], "listing": "old"}, Recipe(RECIPE.requirements, wheels="/w"), "", True),
    ],
)
def test_satisfies(folder: Folder, record: dict[str, object], recipe: Recipe, command: str, expected: bool) -> None:
    assert satisfies(have(folder, "one", **record), recipe, command) is expected


def test_the_python_that_is_named_satisfies(folder: Folder) -> None:
    version = have(folder, "one", base=str(Path(sys.executable).resolve()))
    assert satisfies(version, RECIPE, sys.executable)


def test_wishes() -> None:
    text = "# head\nDocker==7.2.0 \\\n    --hash=sha256:aa --hash=sha256:bb\ntomli==2 ; python_version < '3.11' # x\n"
    assert wishes(text) == ["Docker==7.2.0", "tomli==2 ; python_version < '3.11'"]
