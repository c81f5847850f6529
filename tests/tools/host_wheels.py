"""Download the wheels of the managed environment for the test hosts, which can reach no package index.

usage: python tests/tools/host_wheels.py FOLDER

The hosts run Debian 12's CPython 3.11 whatever Python runs here. pip can download for another Python, but it
judges requirements such as ``typing-extensions; python_version < "3.13"`` by its own. So the metadata of what came is
read again with the hosts' environment in mind, and what is missing is asked for by name.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "roles/hf_cache/files/requirements.txt"
GLIBC_MINOR = 36  # Debian 12
HOST = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "implementation_version": "3.11.2",
    "platform_python_implementation": "CPython",
    "platform_machine": platform.machine(),
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
    "extra": "",
}


def pip_download(folder: Path, extra: list[str]) -> None:
    """Bring the wheels of the requirements file and of `extra` into `folder`."""
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 4, -1)] + [f"manylinux2014_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11"]
    command += ["--abi", "cp311", "--abi", "abi3", "--abi", "none"]
    command += [f"--platform={name}" for name in platforms]
    subprocess.run([*command, "--requirement", str(REQUIREMENTS), *extra], check=True)


def metadata(wheel: Path) -> tuple[str, list[Requirement]]:
    """Return the name of a wheel and what it requires."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.count("/") == 1 and n.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    requirements = [Requirement(line) for line in headers.get_all("Requires-Dist") or []]
    return canonicalize_name(headers["Name"]), requirements


def missing(folder: Path) -> list[str]:
    """Return what the wheels in `folder` require on a host and what is not among them."""
    wheels = dict(metadata(wheel) for wheel in folder.glob("*.whl"))
    needed = {
        f"{requirement.name}{requirement.specifier}"
        for requirements in wheels.values()
        for requirement in requirements
        if canonicalize_name(requirement.name) not in wheels
        and (requirement.marker is None or requirement.marker.evaluate(HOST))
    }
    return sorted(needed)


def main() -> None:
    """Make the folder anew when the requirements have changed."""
    folder = Path(sys.argv[1])
    stamp = folder / ".requirements"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        print(f"{folder} is up to date")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    pip_download(folder, [])
    extra: list[str] = []
    while more := [name for name in missing(folder) if name not in extra]:
        extra += more
        pip_download(folder, extra)
    stamp.write_text(digest)
    print(f"Downloaded {len(list(folder.glob('*.whl')))} wheels to {folder}")


if __name__ == "__main__":
    main()
