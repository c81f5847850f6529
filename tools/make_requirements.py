# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock what the managed environment holds: roles/hf_cache/files/*.in to *.txt. usage: tools/make_requirements.py

uv resolves the requirements for all Pythons at once. Of what it finds, the packages and the wheels are kept that a
host can have: Linux with glibc, CPython 3.10 to 3.14, x86_64 and aarch64. Each wheel is locked by its sha256, so no
host compiles anything, and a mirror or a folder of wheels gives the same environment as the index. Fails when a host
would lack a wheel. uv is taken from PATH, or else installed into .cache/uv.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "roles" / "hf_cache" / "files"
NAMES = ("requirements", "requirements-optional")
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _wheels  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, Target  # noqa: E402

HEAD = """\
# Made from {name}.in by tools/make_requirements.py: all packages, each wheel by its sha256, for Linux with glibc,
# {pythons}, {machines}. Requirements of your own need no hashes.
"""
TARGETS = [Target(python, machine) for python in _wheels.PYTHONS for machine in _wheels.MACHINES]


def find_uv() -> str:
    """Return the path of uv; install it when it is not there."""
    found = shutil.which("uv")
    if found:
        return found
    folder = ROOT / ".cache" / "uv"
    if not (folder / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(folder / "bin" / "uv")


def resolve(uv: str, wishes: Path) -> list[dict[str, Any]]:
    """Return the packages that uv resolves the wishes to, as pylock.toml (PEP 751) has them."""
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", _wheels.PYTHONS[0]]
    # Packages are taken as they are: building one would want that very Python.
    command += ["--only-binary", ":all:", "--format", "pylock.toml", str(wishes)]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return list(tomllib.loads(done.stdout)["packages"])


def locked(package: dict[str, Any]) -> tuple[Pinned, list[str]] | None:
    """Return one package as a requirement, and its wheels' names; None for a package that no host needs."""
    marker = re.sub(r"^python_full_version >= '3\.10'( and )?", "", package.get("marker", ""))
    pinned = Pinned(package["name"], package["version"], marker, frozenset())
    takers = [target for target in TARGETS if target.wants(pinned)]
    if not takers:
        return None
    tags = frozenset[Any]().union(*(target.tags() for target in takers))
    wheels = {wheel["url"].rpartition("/")[2]: wheel["hashes"]["sha256"] for wheel in package.get("wheels", [])}
    fitting = {name: digest for name, digest in wheels.items() if _wheels.fits(name, pinned, tags)}
    needed = "" if len(takers) == len(TARGETS) else marker
    return Pinned(pinned.name, pinned.version, needed, frozenset(fitting.values())), sorted(fitting)


def lock(packages: list[dict[str, Any]]) -> list[Pinned]:
    """Return the lock of all packages. Exits when a host would lack a wheel."""
    found = [entry for entry in map(locked, packages) if entry]
    pins = [pinned for pinned, _wheels_of in found]
    names = [name for _pinned, names in found for name in names]
    for target in TARGETS:
        if lacking := _wheels.missing(pins, target, names):
            sys.exit(f"wanted a wheel of {', '.join(map(str, lacking))} for {target}, found none; pin another version")
    return pins


def text_of(name: str, pins: list[Pinned]) -> str:
    """Return the lock file's text."""
    head = HEAD.format(
        name=name,
        pythons=f"CPython {_wheels.PYTHONS[0]} to {_wheels.PYTHONS[-1]}",
        machines=" and ".join(_wheels.MACHINES),
    )
    return head + "".join(entry_text(pinned) for pinned in pins)


def entry_text(pinned: Pinned) -> str:
    """Return one requirement's lines."""
    marker = f" ; {pinned.marker}" if pinned.marker else ""
    hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(pinned.hashes))
    return f"{pinned}{marker}{hashes}\n"


def main() -> None:
    """Make both locks."""
    uv = find_uv()
    for name in NAMES:
        pins = lock(resolve(uv, FILES / f"{name}.in"))
        (FILES / f"{name}.txt").write_text(text_of(name, pins), encoding="utf-8")
        print(f"Locked {len(pins)} packages, {sum(len(pin.hashes) for pin in pins)} wheels in {name}.txt")


if __name__ == "__main__":
    main()
