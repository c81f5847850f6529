"""The collection works as an installed tarball, away from its checkout, and from the bare checkout, by FQCN."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str | Path, **environment: str) -> str:
    """Run a command of the interpreter's own folder away from the checkout; its output, or a failed test."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    result = subprocess.run(
        [str(BIN / command[0]), *map(str, command[1:])],
        cwd="/",
        env={**inherited, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that holds nothing but the built and installed tarball."""
    folder = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "build", CHECKOUT, "--output-path", folder)
    (tarball,) = folder.glob("gpt_oss-fleet-*.tar.gz")
    run("ansible-galaxy", "collection", "install", tarball, "-p", folder, "--offline")
    return folder


@pytest.fixture(params=["installed", "checkout"])
def collections_path(request: pytest.FixtureRequest) -> str:
    if request.param == "checkout":
        return str(CHECKOUT / ".ansible/collections")
    return str(request.getfixturevalue("tree"))


def names(folder: str, suffix: str = ".py") -> list[str]:
    return sorted(p.stem for p in (CHECKOUT / folder).glob(f"*{suffix}") if not p.stem.startswith("_"))


@pytest.mark.parametrize(("kind", "folder"), [("module", "plugins/modules"), ("filter", "plugins/filter")])
def test_ansible_doc_shows_every_plugin(collections_path: str, kind: str, folder: str) -> None:
    listed = json.loads(
        run("ansible-doc", "-t", kind, "-l", "-j", "gpt_oss.fleet", ANSIBLE_COLLECTIONS_PATH=collections_path)
    )
    expected = {f"gpt_oss.fleet.{name}" for name in names(folder)}
    assert expected == set(listed)
    shown = json.loads(run("ansible-doc", "-t", kind, "-j", *expected, ANSIBLE_COLLECTIONS_PATH=collections_path))
    assert all(shown[name]["doc"]["short_description"] and shown[name]["examples"] for name in expected)


@pytest.mark.parametrize("playbook", names("playbooks", ".yml"))
def test_every_playbook_resolves_by_name(collections_path: str, playbook: str) -> None:
    output = run(
        "ansible-playbook", f"gpt_oss.fleet.{playbook}", "--syntax-check", "-i", "host,",
        ANSIBLE_COLLECTIONS_PATH=collections_path,
    )  # fmt: skip
    assert f"playbook: {collections_path}/ansible_collections/gpt_oss/fleet/playbooks/{playbook}.yml" in output


def test_every_role_is_documented(collections_path: str) -> None:
    listed = json.loads(
        run("ansible-doc", "-t", "role", "-l", "-j", "gpt_oss.fleet", ANSIBLE_COLLECTIONS_PATH=collections_path)
    )
    assert set(listed) == {f"gpt_oss.fleet.{path.name}" for path in (CHECKOUT / "roles").iterdir()}


def test_the_tarball_holds_only_the_product(tree: Path) -> None:
    installed = tree / "ansible_collections/gpt_oss/fleet"
    top = {path.name for path in installed.iterdir()}
    assert {"plugins", "roles", "playbooks", "inventories", "README.md", "LICENSE"} <= top
    # What ansible-builder reads of a collection, and a definition to build with.
    assert {"meta", "requirements.txt", "bindep.txt", "execution-environment.yml"} <= top
    assert (installed / "meta" / "execution-environment.yml").is_file()
    assert not top & {"tests", "molecule", "tools", "Makefile", ".ansible", ".venv", ".demo", ".cache"}


def test_it_needs_nothing_but_the_four_folders_that_ansible_promises(tree: Path, tmp_path: Path) -> None:
    """Ansible's requirements for collections: it works with all else deleted."""
    shutil.copytree(tree / "ansible_collections", tmp_path / "ansible_collections")
    installed = tmp_path / "ansible_collections/gpt_oss/fleet"
    for path in installed.iterdir():
        if path.name not in {"meta", "playbooks", "plugins", "roles"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for playbook, task in (("deploy", "gpt_oss.fleet.vllm : "), ("evaluate", "Judge the fleet")):
        command = ["ansible-playbook", f"gpt_oss.fleet.{playbook}", "--list-tasks", "-i", "host,"]
        assert task in run(*command, ANSIBLE_COLLECTIONS_PATH=str(tmp_path))
