# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: root, the files of the image: the machine's own Python with its libraries, a shell, the simulator."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = "/opt/vllm-simulator"
_LEFT_OUT = {
    *("test", "tests", "idlelib", "idle_test", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data"),
    *("site-packages", "dist-packages", "__pycache__", "_pyrepl", "__phello__"),
}
_LEFT_OUT_FILES = re.compile(r"^(_tkinter|_test|_ctypes_test|_xxtest|xx|turtle\.py|libpython.*\.a$)|\.(a|exe|pyc|o)$")
_SYSTEM_FOLDERS = re.compile(r"^(/usr)?/lib(64|32)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?$")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/os-release": 'PRETTY_NAME="vLLM simulator (gpt_oss.fleet)"\nNAME="vLLM simulator"\nID=vllm-simulator\n',
}
_FOLDERS = {"tmp": 0o1777, "var/tmp": 0o1777, "run": 0o755, "root": 0o755, "vllm-workspace": 0o755}
_COMMAND = (
    "#!{binary} -IS\nimport sys\n\nsys.path.insert(0, {home!r})\nfrom simulator.cli import main\n\nsys.exit(main())\n"
)

# Runs in the Python to be copied, which may be an older or newer one than this: a virtual environment's base.
_PROBE = """
import json, os, sys, sysconfig
binary = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}
paths = sysconfig.get_paths(vars=dict(base, installed_platbase=sys.base_exec_prefix))
print(json.dumps({
    "binary": os.path.realpath(binary if os.path.exists(binary) else sys.executable),
    "version": sys.version,
    "enough": sys.version_info >= (3, 9),
    "folders": sorted({paths["stdlib"], paths["platstdlib"], sysconfig.get_config_var("DESTSHARED") or ""} - {""}),
}))
"""
# Prints, for each module that the simulator imports, the place of its byte code and the byte code: the container
# then starts without compiling. Unchecked, so that no time stamp has to agree.
_COMPILE = """
import base64, encodings.idna, importlib.util, json, os, py_compile, sys, tempfile
sys.path.insert(0, sys.argv[1])
import simulator.cli
out, modules = {}, sorted(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None))
with tempfile.TemporaryDirectory() as folder:
    for path in modules:
        if not path.endswith(".py"):
            continue
        place = path.replace(sys.argv[1], sys.argv[2], 1) if path.startswith(sys.argv[1]) else path
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        made = py_compile.compile(path, os.path.join(folder, "x"), place, doraise=True, invalidation_mode=mode)
        out[importlib.util.cache_from_source(place)] = base64.b64encode(open(made, "rb").read()).decode()
print(json.dumps(out))
"""


class RootError(Exception):
    """This machine's Python cannot be copied; the message says why and what to do."""


@dataclass(frozen=True)
class Python:
    """The interpreter that goes into the image: real binary, version text, library folders."""

    binary: str
    version: str
    folders: tuple[str, ...]


def find_python(command: str) -> Python:
    """Resolve an interpreter (also a virtual environment's) to its base installation. Raises RootError."""
    try:
        found = json.loads(_run([command, "-I", "-c", _PROBE]))
    except (OSError, ValueError) as error:
        raise RootError(
            f"{command!r} is no usable Python: {error}; set vllm_simulator_python to a CPython 3.9 or newer"
        ) from None
    if not found["enough"]:
        raise RootError(f"Python 3.9 or newer is wanted, {command!r} is {found['version']}; set vllm_simulator_python")
    return Python(found["binary"], found["version"], tuple(found["folders"]))


def library_path(libraries: Sequence[str]) -> str:
    """Return the folders that the loader must be told of, as LD_LIBRARY_PATH."""
    return ":".join(
        sorted({str(Path(item).parent) for item in libraries if not _SYSTEM_FOLDERS.match(str(Path(item).parent))})
    )


def libraries_of(files: Sequence[str]) -> list[str]:
    """Return every shared library that the files need, and the loader. Raises RootError when one is missing."""
    text = _run(["ldd", *files], allowed=(0, 1))
    missing = sorted(set(re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)))
    if missing:
        raise RootError(
            f"shared libraries are missing on this machine: {', '.join(missing)}; repair this Python, or choose another"
        )
    return sorted(set(re.findall(r"(?:=>\s*|^\s+)(/\S+) \(0x", text, re.MULTILINE)))


def standard_library(python: Python) -> Iterator[str]:
    """Yield the files of the standard library that go in; extension modules whose libraries are missing stay out."""
    seen = set()
    for folder in python.folders:
        for place, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")]
            for path in (str(Path(place, name)) for name in sorted(files) if not _LEFT_OUT_FILES.search(name)):
                if path not in seen:
                    seen.add(path)
                    yield path


def compiled_modules(python: Python, sources: Path) -> dict[str, str]:
    """Return place in the image -> byte code (base 64) of the modules that a start needs."""
    compiled: dict[str, str] = json.loads(_run([python.binary, "-IS", "-c", _COMPILE, str(sources), HOME]))
    return compiled


def usable(extensions: Sequence[str]) -> list[str]:
    """Return the extension modules all of whose libraries this machine has."""
    if len(extensions) < 2:  # then ldd prints no names
        return [name for name in extensions if "not found" not in _run(["ldd", name], allowed=(0, 1))]
    text = _run(["ldd", *extensions], allowed=(0, 1))
    parts = re.split(r"^(/\S+):$", text, flags=re.MULTILINE)
    return [name for name, needs in zip(parts[1::2], parts[2::2]) if "not found" not in needs]


def add_text(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    """Add a file with the given content."""
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def add_file(archive: tarfile.TarFile, path: str, name: str) -> None:
    """Add a copy of a file (symbolic links are followed), owned by root."""
    entry = tarfile.TarInfo(name.lstrip("/"))
    status = Path(path).stat()
    entry.size, entry.mtime = status.st_size, int(status.st_mtime)
    entry.mode = 0o755 if status.st_mode & 0o111 or ".so" in name else 0o644
    with open(path, "rb") as source:
        archive.addfile(entry, source)


def add_metadata(archive: tarfile.TarFile, python: Python, version: str) -> None:
    """Add what tells importlib.metadata of a package vllm, as an image of vLLM has it."""
    folder = next(folder for folder in python.folders if Path(folder, "os.py").exists())
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\nSummary: The vLLM simulator of gpt_oss.fleet\n"
    add_text(archive, f"{folder}/vllm-{version}.dist-info/METADATA", text.encode())


def write_root(
    target: Any,
    python: Python,
    sources: Path,
    compiled: dict[str, bytes],
    files: Sequence[str],
    libraries: Sequence[str],
    version: str,
) -> None:
    """Write the whole root as a tar stream."""
    with tarfile.open(fileobj=target, mode="w|") as archive:
        for name, mode in _FOLDERS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for name, text in _FILES.items():
            add_text(archive, name, text.encode())
        for path in sorted({python.binary, *files, *libraries}):
            add_file(archive, path, path)
        add_file(archive, os.path.realpath("/bin/sh"), "/bin/sh")
        for module in sorted(sources.glob("simulator/*.py")):
            add_text(archive, f"{HOME}/simulator/{module.name}", module.read_bytes())
        for name, code in compiled.items():
            add_text(archive, name, code)
        add_metadata(archive, python, version)
        command = _COMMAND.format(binary=python.binary, home=HOME)
        add_text(archive, "usr/local/bin/vllm", command.encode(), 0o755)
        link = tarfile.TarInfo("usr/local/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, python.binary
        archive.addfile(link)


def _run(command: Sequence[str], allowed: Sequence[int] = (0,)) -> str:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in allowed:
        raise RootError(
            f"{command[0]} failed with exit code {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()}"
        )
    return done.stdout.decode("utf-8", "replace")
