# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment_build - one version of a Python environment, made from requirements by venv and pip."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _pip_errors
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_folder import Folder, Version
from ansible_collections.gpt_oss.fleet.plugins.module_utils._python_finder import Python, Run

# With less on the disk, whatever failed has failed for that.
_LEAST_FREE = 2**20
_PACKAGES = """
import importlib.metadata, json
found = {(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()}
print(json.dumps(sorted(found, key=lambda row: row[0].lower())))
"""


class BuildError(Exception):
    """The environment cannot be made. The text says what was wanted, what was found, and what to do."""


@dataclass(frozen=True)
class Recipe:
    """What an environment shall hold, and where it comes from: an index, or a folder of wheels (empty: the index)."""

    requirements: str
    optional: str = ""
    wheels: str = ""
    index_url: str = ""

    @property
    def digest(self) -> str:
        """Return what tells sets of requirements apart."""
        return hashlib.sha256(f"{self.requirements}\0{self.optional}".encode()).hexdigest()[:12]

    @property
    def listing(self) -> str:
        """Return what tells two states of the folder of wheels apart; empty without one."""
        if not self.wheels or not Path(self.wheels).is_dir():
            return ""
        names = sorted(path.name for path in Path(self.wheels).iterdir())
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]

    @property
    def pip_wheel(self) -> Optional[str]:
        """Return the wheel of pip among the wheels."""
        found = sorted(Path(self.wheels).glob("pip-*.whl")) if self.wheels else []
        return str(found[-1]) if found else None


def satisfies(version: Version, recipe: Recipe, command: str) -> bool:
    """Tell whether a version is what the recipe gives, from the Python that `command` names where one is named.

    An optional package that was missing is looked for again when the folder of wheels is there and has others.
    """
    record = version.record
    if record.get("digest") != recipe.digest:
        return False
    if command and os.path.realpath(shutil.which(command) or command) != record.get("base"):
        return False
    return not (record.get("missing_optional") and recipe.listing not in ("", record.get("listing")))


def build(folder: Folder, recipe: Recipe, python: Python, run: Run) -> Version:
    """Make a version. Raises BuildError, and leaves nothing of it then."""
    name = folder.free_name(f"{recipe.digest}-{python.tag}")
    place = folder.place(name)
    try:
        problem = _install(place, recipe, python, run)
        return folder.complete(name, record_of(place, recipe, python, problem, run))
    except OSError as exc:
        shutil.rmtree(place, ignore_errors=True)
        raise BuildError(_pip_errors.explain(str(exc), str(place), f"CPython {python.text}")) from exc
    except BuildError:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _install(place: Path, recipe: Recipe, python: Python, run: Run) -> str:
    """Install all; return why the optional packages could not be, empty when they are there."""

    def explained(said: str) -> str:
        return _pip_errors.explain(_full(place) + said, source_of(place, recipe, run), f"CPython {python.text}")

    _venv(place, recipe, python, run)
    (place / "requirements.txt").write_text(recipe.requirements, encoding="utf-8")
    said = _pip(place, recipe, "requirements.txt", [], run)
    if said is not None:
        raise BuildError(explained(said))
    (place / "requirements-optional.txt").write_text(recipe.optional, encoding="utf-8")
    said = _pip(place, recipe, "requirements-optional.txt", ["--only-binary", ":all:"], run)
    _check(place, run)
    return "" if said is None else explained(said)


def record_of(place: Path, recipe: Recipe, python: Python, problem: str, run: Run) -> dict[str, Any]:
    """Return what is known of a version: what it was made from, and the packages that came of it."""
    code, output, errors = run([str(place / "bin" / "python"), "-I", "-c", _PACKAGES])
    if code != 0:
        raise BuildError(f"expected a Python that runs at {place}, found: {errors.strip()[-400:]}; run again")
    return {
        "digest": recipe.digest,
        "listing": recipe.listing,
        "python": python.text,
        "base": os.path.realpath(python.command),
        "packages": [{"name": name, "version": version} for name, version in json.loads(output)],
        "missing_optional": [wish.partition(";")[0].strip() for wish in wishes(recipe.optional)] if problem else [],
        "optional_problem": problem,
    }


def wishes(requirements: str) -> list[str]:
    """Return requirements as people read them: without hashes and comments."""
    joined = re.sub(r"\\\r?\n|--hash=\S+", " ", requirements)
    lines = (" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in joined.splitlines())
    return [line for line in lines if line]


def _venv(place: Path, recipe: Recipe, python: Python, run: Run) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    without = [] if python.pip else ["--without-pip"]
    _must(run, [python.command, "-m", "venv", "--clear", *without, str(place)], place)
    if without:
        pip = f"{recipe.pip_wheel}/pip"
        interpreter = str(place / "bin" / "python")
        _must(run, [interpreter, pip, "install", "--quiet", "--no-index", str(recipe.pip_wheel)], place)


def _must(run: Run, command: list[str], place: Path) -> None:
    code, output, errors = run(command)
    if code != 0:
        raise BuildError(_pip_errors.explain(f"{_full(place)}{output}\n{errors}", str(place), command[0]))


def _full(place: Path) -> str:
    """Return what the system says of a full disk where the disk of a version is full: venv says nothing of it."""
    status = os.statvfs(place.parent)
    full = status.f_bavail * status.f_frsize < _LEAST_FREE or (status.f_files and not status.f_favail)
    return "No space left on device\n" if full else ""


def _pip(place: Path, recipe: Recipe, requirements: str, more: list[str], run: Run) -> Optional[str]:
    """Install; return None, or what pip said when it failed."""
    command = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", *more, "--requirement", str(place / requirements)]
    if recipe.wheels:
        command += ["--no-index", "--find-links", recipe.wheels]
    elif recipe.index_url:
        command += ["--index-url", recipe.index_url]
    code, output, errors = run(command)
    return None if code == 0 else f"{output}\n{errors}"


def _check(place: Path, run: Run) -> None:
    code, output, errors = run([str(place / "bin" / "python"), "-m", "pip", "check", "--disable-pip-version-check"])
    if code != 0:
        said = " / ".join(f"{output}\n{errors}".strip().splitlines()[-3:])
        raise BuildError(f"expected requirements that fit together, found: {said}; correct hf_cache_requirements")


def source_of(place: Path, recipe: Recipe, run: Run) -> str:
    """Return where the packages were to come from, as people know it. Credentials are left out."""
    if recipe.wheels:
        return f"the folder {recipe.wheels}"
    told = recipe.index_url or os.environ.get("PIP_INDEX_URL", "")
    if not told:
        _code, output, _errors = run([str(place / "bin" / "python"), "-m", "pip", "config", "list"])
        match = re.search(r"index-url='([^']+)'", output)
        told = match[1] if match else ""
    return f"the package index {re.sub('//[^/@]*@', '//', told)}" if told else "pip's default package index"
