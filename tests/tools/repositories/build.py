"""Build signed apt repositories that stand in for NVIDIA's, Docker's and Debian's in test hosts.

usage: build.py [REPOSITORY ...] [debian12|debian13 ...]        (default: all repositories, both releases)

packages.yml describes the packages; what they carry lies in files/. The result is
.cache/repositories/REPOSITORY/RELEASE with the signing key in REPOSITORY/key.asc and REPOSITORY/fingerprint. Real
Debian packages come through apt and stay in ${GPT_OSS_FLEET_CACHE:-~/.cache/gpt_oss_fleet}; remove them there to
take in newer ones. Does nothing where it is up to date.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import deb
import debian
import index

HERE = Path(__file__).parent
OUTPUT = HERE.parents[2] / ".cache/repositories"
KEYS = OUTPUT.parent / "repository-keys"
CACHE = Path(os.environ.get("GPT_OSS_FLEET_CACHE") or Path.home() / ".cache/gpt_oss_fleet")


def archive(release: str) -> Path:
    """Return the folder that keeps the real packages of a release."""
    return CACHE / f"packages-{release}"


FIELDS = ("Pre-Depends", "Depends", "Recommends", "Conflicts", "Breaks", "Provides", "Replaces")

# What debhelper's snippets do for packages with services.
SERVICE_SCRIPTS = {
    "postinst": """\
if [ "$1" = configure ]; then
    for unit in {enable}; do deb-systemd-helper enable "$unit" >/dev/null || true; done
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        deb-systemd-invoke "$([ -n "$2" ] && echo restart || echo start)" {start} >/dev/null || true
    fi
fi
""",
    "prerm": """\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop {start} >/dev/null || true; fi
""",
    "postrm": """\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then deb-systemd-helper purge {enable} >/dev/null || true; fi
""",
}


def variables(system: str) -> dict[str, str]:
    """Return what {names} in packages.yml stand for on a release."""
    number = system.removeprefix("debian")
    return {"system": system, "number": number, "codename": debian.SUITES[system], "kernel": os.uname().release}


def fill(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with each {name} in its strings and keys replaced; other braces stay."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    if isinstance(value, dict):
        return {fill(key, names): fill(each, names) for key, each in value.items()}
    return value


def expanded(repository: dict[str, Any], system: str) -> Iterator[dict[str, Any]]:
    """Yield every package of a repository in every release that it names, for one Debian release."""
    for package in repository["packages"]:
        if system not in package.get("systems", [system]):
            continue
        for release in repository["releases"][package["for"]] if "for" in package else [{}]:
            yield fill({"version": "{version}", **package}, {**variables(system), **release})


def real_packages(packages: list[dict[str, Any]]) -> dict[str, Path]:
    """Download the Debian packages whose files are taken over: by release and name, such as debian13/docker.io."""
    wanted: dict[str, list[str]] = {}
    for where in sorted({where for package in packages for where in package.get("unpack", {})}):
        release, name = where.split("/")
        wanted.setdefault(release, []).append(name)
    found = {release: debian.download(release, names, archive(release)) for release, names in wanted.items()}
    return {f"{release}/{name}": path for release, files in found.items() for name, path in files.items()}


@cache
def unpacked(path: Path) -> dict[str, deb.Entry]:
    """Return the files of a real package by path."""
    return {entry.path: entry for entry in deb.entries(path)}


@cache
def compiled(source: Path) -> bytes:
    """Return the shared library made of one file of C."""
    compiler = next((name for name in ("cc", "gcc", "tcc") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit(f"Wanted: a C compiler, for {source.name}. Found: none. Install gcc or tcc, with libc6-dev.")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "library.so")
        soname = f"-Wl,-soname,{source.stem}.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", soname, "-o", str(output), str(source)], check=True)
        return output.read_bytes()


def entry(path: str, file: Any, version: str) -> deb.Entry:
    """Return one file: the name of a source in files/, or a mapping with source, text or link, mode and compile."""
    spec: dict[str, Any] = {"source": file} if isinstance(file, str) else file
    if "link" in spec:
        return deb.Entry(path, link=spec["link"])
    if "text" in spec:
        return deb.Entry(path, spec["text"].encode(), int(spec.get("mode", "0644"), 8))
    source = HERE / "files" / spec["source"]
    content = compiled(source) if spec.get("compile") else source.read_bytes().replace(b"@VERSION@", version.encode())
    mode = int(spec["mode"], 8) if "mode" in spec else 0o755 if os.access(source, os.X_OK) else 0o644
    return deb.Entry(path, content, mode)


def scripts(package: dict[str, Any]) -> dict[str, str]:
    """Return the maintainer scripts: those of packages.yml, then what services need."""
    services = package.get("services", {})
    start = services.get("start", services.get("enable", []))
    units = {"enable": " ".join(services.get("enable", [])), "start": " ".join(start)}
    bodies = dict(package.get("scripts", {}))
    for name, body in SERVICE_SCRIPTS.items() if services else ():
        bodies[name] = bodies.get(name, "") + fill(body, units)
    return {name: f"#!/bin/sh\nset -e\n{body}" for name, body in bodies.items()}


def write_package(package: dict[str, Any], folder: Path, real: Mapping[str, Path]) -> None:
    """Write one package."""
    version = package["version"]
    entries = [entry(path, file, version.split("-")[0]) for path, file in package.get("files", {}).items()]
    for where, moves in package.get("unpack", {}).items():
        taken = unpacked(real[where])
        entries += [deb.Entry(new, taken[old].content, taken[old].mode, taken[old].link) for old, new in moves.items()]
    fields = {"Package": package["name"], "Version": version, "Architecture": package.get("architecture", "amd64")}
    fields |= {"Maintainer": "gpt_oss.fleet tests <tests@example.com>", "Section": "misc", "Priority": "optional"}
    fields |= {name: ", ".join(package.get(name.lower(), [])) for name in FIELDS}
    fields["Description"] = package.get("description", f"stand-in for {package['name']}")
    file = f"{package['name']}_{version.split(':')[-1]}_{fields['Architecture']}.deb"
    deb.write(folder / file, fields, entries, scripts(package))


def build(name: str, repository: dict[str, Any], system: str, folder: Path) -> None:
    """Make a repository in a folder."""
    pool = folder / "pool"
    pool.mkdir(parents=True)
    if carried := repository.get("carries", {}).get(system):
        for path in debian.download_with_needs(system, carried, archive(system)):
            shutil.copy(path, pool)
    packages = list(expanded(repository, system))
    real = real_packages(packages)
    for package in packages:
        write_package(package, pool, real)
    secret = KEYS / f"{name}.asc"
    place = OUTPUT / name
    index.make_key(secret, place / "key.asc", place / "fingerprint", f"{name} stand-in <{name}@example.com>")
    listing = index.packages(folder)
    fields = {"Origin": repository["origin"], "Label": repository["origin"]}
    index.write(folder, listing, secret, fields)
    if "component" in repository:
        codename = debian.SUITES[system]
        fields |= {"Suite": codename, "Codename": codename}
        index.write(folder / "dists" / codename, listing, secret, fields, repository["component"])


def digest(repository: dict[str, Any], system: str) -> str:
    """Return the digest of all that a repository is made of."""
    content = hashlib.sha256(repr((repository, variables(system))).encode())
    files = [file for package in expanded(repository, system) for file in package.get("files", {}).values()]
    names = {file if isinstance(file, str) else file.get("source", "") for file in files} - {""}
    for path in [*sorted(HERE.glob("*.py")), *(HERE / "files" / name for name in sorted(names))]:
        content.update(f"{path.relative_to(HERE)} {path.stat().st_mode}".encode() + path.read_bytes())
    return content.hexdigest()


def bring_up_to_date(name: str, repository: dict[str, Any], system: str) -> None:
    """Build a repository beside the old one and put it into its place."""
    place = OUTPUT / name / system
    wanted = digest(repository, system)
    if (place / ".digest").exists() and (place / ".digest").read_text() == wanted:
        print(f"{name}/{system} is up to date")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{system}.", dir=place.parent))
    new.chmod(0o755)
    try:
        build(name, repository, system, new)
        (new / ".digest").write_text(wanted)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    print(f"Built {name}/{system}: {len(list((place / 'pool').glob('*.deb')))} packages")


def main() -> None:
    """Bring the repositories up to date that the command line names."""
    data = yaml.safe_load((HERE / "packages.yml").read_text())
    systems = [word for word in sys.argv[1:] if word in debian.SUITES] or list(debian.SUITES)
    names = [word for word in sys.argv[1:] if word not in debian.SUITES] or list(data)
    if unknown := [name for name in names if name not in data]:
        raise SystemExit(f"Wanted: some of {', '.join([*data, *debian.SUITES])}. Found: {', '.join(unknown)}.")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            for system in systems:
                bring_up_to_date(name, data[name], system)


if __name__ == "__main__":
    main()
