"""What ansible-builder is told of this collection is what pyproject.toml and galaxy.yml say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomllib
import yaml

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = set(PROJECT["project"]["dependencies"])


def lines(name: str) -> list[str]:
    """Return a requirements file's lines without its comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def definition(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))


def test_the_collection_names_what_the_controller_needs() -> None:
    assert definition("meta/execution-environment.yml")["dependencies"] == {
        "python": "requirements.txt",
        "system": "bindep.txt",
    }
    environment = definition("execution-environment.yml")["dependencies"]
    assert {*lines("requirements.txt"), environment["ansible_core"]["package_pip"]} == REQUIREMENTS
    assert environment["ansible_runner"]["package_pip"] in PROJECT["dependency-groups"]["test"]
    assert {line.split()[0] for line in lines("bindep.txt")} == {"openssh-client", "openssh-clients"}


def test_the_environment_takes_the_tarball_of_this_version() -> None:
    galaxy, environment = definition("galaxy.yml"), definition("execution-environment.yml")
    tarball = f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    assert environment["additional_build_files"] == [{"src": tarball, "dest": "collections"}]
    assert environment["dependencies"]["galaxy"]["collections"] == [{"name": f"collections/{tarball}", "type": "file"}]


def test_no_base_image_is_chosen_for_the_user() -> None:
    assert "images" not in definition("execution-environment.yml")
