# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's requirements for community collections ask for, as far as files can tell.

Source: docs.ansible.com, "Ansible community package collections requirements".
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml

ROOT = Path(__file__).resolve().parents[3]
# The pattern of semver.org, less build metadata, which Galaxy cannot order.
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z][0-9A-Za-z.-]*)?")
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def data(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text(name)))


def project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


def release(version: str) -> tuple[int, ...]:
    """Return a version's three numbers."""
    found = SEMANTIC.fullmatch(version)
    assert found, version
    return tuple(int(number) for number in found.groups()[:3])


def documentation(module: Path) -> dict[str, Any]:
    found = re.search(r'^DOCUMENTATION = r"""(.*?)^"""', module.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, module
    return dict(yaml.safe_load(found.group(1)))


def test_the_version_is_semantic_and_newer_than_the_last_release() -> None:
    galaxy = data("galaxy.yml")
    released = data("changelogs/changelog.yaml")["releases"]
    assert all(release(version) <= release(galaxy["version"]) for version in released)
    assert project()["project"]["version"] == galaxy["version"].replace("-dev", ".dev0")
    # A version that is out has its notes, and one that is not says so.
    assert galaxy["version"] in released or "-" in galaxy["version"]


def test_galaxy_is_told_what_it_asks_for() -> None:
    galaxy = data("galaxy.yml")
    assert galaxy["tags"] and galaxy["authors"] and galaxy["description"]
    assert galaxy["license"] == ["GPL-3.0-or-later"]
    assert "GNU GENERAL PUBLIC LICENSE" in text("LICENSE")
    assert all(galaxy[name].startswith("https://") for name in ("documentation", "homepage", "issues", "repository"))
    assert galaxy["dependencies"] == {}


def test_ansible_core_is_the_same_everywhere() -> None:
    """The oldest one is required, and all are tested, and told."""
    (wanted,) = [name for name in project()["project"]["dependencies"] if name.startswith("ansible-core")]
    first, beyond = re.fullmatch(r"ansible-core>=2\.(\d+),<2\.(\d+)", wanted).groups()  # type: ignore[union-attr]
    assert data("meta/runtime.yml")["requires_ansible"] == f">=2.{first}.0"
    cores = {f"2.{minor}" for minor in range(int(first), int(beyond))}
    cells = re.search(r"cells=\((2[^)]*)\)", text("tests/tools/matrix.sh"))
    assert cells
    tested: dict[str, set[str]] = {core: set() for core in cores}
    for cell in cells.group(1).split():
        core, cpython = cell.split(":")
        tested[core].add(cpython)
    told = {
        core: set(line.split(", "))
        for core, line in re.findall(r"^\| (2\.\d+) \| (.*) \|$", text("docs/releases.md"), re.M)
    }
    assert tested == told
    assert all(core in text("README.md") for core in cores)


def test_everything_in_modules_is_in_the_action_group() -> None:
    assert data("meta/runtime.yml")["action_groups"]["all"] == [path.stem for path in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_is_documented(module: Path) -> None:
    found = documentation(module)
    assert release(found["version_added"]) <= release(data("galaxy.yml")["version"])
    source = module.read_text(encoding="utf-8")
    assert "\nEXAMPLES = r" in source and "\nRETURN = r" in source
    if module.stem.endswith("_info"):
        assert found["attributes"]["check_mode"]["support"] == "full"


def test_plugins_lie_where_ansible_looks_for_them_and_helpers_are_internal() -> None:
    folders = {path.relative_to(ROOT / "plugins").parts[0] for path in PLUGINS}
    assert folders == {"action", "doc_fragments", "filter", "module_utils", "modules", "plugin_utils"}
    helpers = [path for path in PLUGINS if path.parent.name in ("module_utils", "plugin_utils")]
    assert [path.name for path in helpers if not path.name.startswith("_")] == []


def test_all_code_of_plugins_is_gpl() -> None:
    licence = "SPDX-License-Identifier: GPL-3.0-or-later"
    assert [path.name for path in PLUGINS if licence not in path.read_text(encoding="utf-8")[:400]] == []


def test_sanity_ignores_nothing() -> None:
    assert list((ROOT / "tests").glob("sanity/ignore*")) == []


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("README.md", "](CONTRIBUTING.md)"),
        ("README.md", "](CODE_OF_CONDUCT.md)"),
        ("README.md", "](SECURITY.md)"),
        ("README.md", "](docs/releases.md)"),
        ("README.md", "https://forum.ansible.com"),
        ("CODE_OF_CONDUCT.md", "https://docs.ansible.com/ansible/latest/community/code_of_conduct.html"),
        ("CONTRIBUTING.md", "changelogs/fragments"),
        ("docs/releases.md", "## Deprecation"),
        ("docs/releases.md", "https://semver.org"),
    ],
)
def test_what_a_newcomer_looks_for_is_told(page: str, told: str) -> None:
    assert told in text(page)


def test_the_docs_site_has_its_data() -> None:
    links = data("docs/docsite/links.yml")
    assert links["communication"]["forums"] and links["extra_links"]
    assert links["edit_on_github"] is None or links["edit_on_github"]["repository"]
    for section in data("docs/docsite/extra-docs.yml")["sections"]:
        assert all((ROOT / "docs/docsite/rst" / f"{page}.rst").is_file() for page in section["toctree"])


def test_what_is_in_the_tarball_is_meant_to_be() -> None:
    """Each file and folder beside the collection's parts is left out, or is one of these."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    kept = {
        "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "bindep.txt",
        "changelogs", "docs", "execution-environment.yml", "galaxy.yml", "inventories", "meta", "playbooks", "plugins",
        "requirements.txt", "roles", ".gitignore",
    }  # fmt: skip
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= kept | set(data("galaxy.yml")["build_ignore"])
