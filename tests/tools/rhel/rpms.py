"""Build signed RPM repositories that stand in for NVIDIA's, Docker's and the distribution's in simulated RHEL hosts.

usage: rpms.py [rhel9|rhel10 ...]

packages.yml describes the packages; what they carry lies in ../repositories/files. rpmbuild, rpmsign, createrepo_c and
modifyrepo_c of the image that image.py makes do the work. The result is .cache/repositories/REPOSITORY/rhel9, with the
signing key in REPOSITORY/key.asc and REPOSITORY/fingerprint, which the Debian repositories share.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "repositories"))
import build as debs
import deb
import image
import index

HERE = Path(__file__).parent
Package = dict[str, Any]
RELATIONS = ("Requires", "Provides", "Conflicts", "Obsoletes")

# Runs in the image: /build holds one tree and one spec for each package, and what shall be signed by whom.
BUILD = """\
set -eu
export HOME=/build/home
mkdir -p /build/home /build/repository
for spec in /build/specs/*.spec; do
    tree=/build/trees/$(basename "$spec" .spec)
    rpmbuild --quiet -bb "$spec" --define "_sourcedir $tree" --define "_topdir /build/rpmbuild" \
        --define "_rpmdir /build/repository" --define "_binary_payload w1.gzdio" \
        --define "_build_name_fmt %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"
done
gpg --batch --quiet --import /build/secret.asc
name=$(gpg --batch --with-colons --list-secret-keys | grep -m 1 ^fpr: | cut -d: -f10)
case $SIGNED in *packages*)
    rpmsign --addsign --define "__gpg /usr/bin/gpg" --define "_gpg_name $name" /build/repository/*.rpm >/dev/null ;;
esac
createrepo_c --quiet --compatibility /build/repository
[ ! -e /build/modules.yaml ] || modifyrepo_c --mdtype=modules /build/modules.yaml /build/repository/repodata >/dev/null
case $SIGNED in *index*)
    gpg --batch --armor --detach-sign /build/repository/repodata/repomd.xml ;;
esac
gpgconf --kill all
"""


def names_of(system: str) -> dict[str, str]:
    """Return what {names} in packages.yml stand for."""
    kernel = os.uname().release
    return {"kernel": kernel, "kernel_version": kernel.rpartition(".")[0], "release": f"1.el{system[4:]}"}


def expanded(repository: dict[str, Any], system: str) -> Iterator[Package]:
    """Yield every package of a repository in every release that it names."""
    for package in repository["packages"]:
        for release in repository["releases"][package["for"]] if "for" in package else [{}]:
            streams = {"streams": release["streams"]} if "streams" in release else {}
            names = {**names_of(system), **{key: value for key, value in release.items() if isinstance(value, str)}}
            yield debs.fill({"version": "{version}", "release": "{release}", **streams, **package}, names)


def version_of(package: Package) -> tuple[str, str]:
    """Return version and release; a kernel's version may bring a release of its own."""
    version, dash, release = package["version"].partition("-")
    return version, release if dash else package["release"]


def full_name(package: Package) -> str:
    """Return name, epoch, version, release and architecture as a module's metadata wants them."""
    version, release = version_of(package)
    architecture = package.get("architecture", "x86_64")
    return f"{package['name']}-{package.get('epoch', '0')}:{version}-{release}.{architecture}"


def spec(package: Package, paths: list[str]) -> str:
    """Return the spec file of a package that carries files of these paths."""
    version, release = version_of(package)
    lines = ["%define debug_package %{nil}", "%define __os_install_post %{nil}", "%define _build_id_links none"]
    lines += [f"Name: {package['name']}", f"Epoch: {package.get('epoch', '0')}", f"Version: {version}"]
    lines += [f"Release: {release}", f"Summary: stand-in for {package['name']}", "License: none", "AutoReqProv: no"]
    lines += [f"BuildArch: {package.get('architecture', 'x86_64')}"]
    lines += [f"{key}: {one}" for key in RELATIONS for one in package.get(key.lower(), [])]
    lines += ["%description", "A stand-in.", "%install", 'mkdir -p %{buildroot}; cp -a "%{_sourcedir}/." %{buildroot}/']
    lines += ["%post", package["post"].rstrip()] if "post" in package else []
    return "\n".join([*lines, "%files", *sorted(paths), ""])


def entries_of(package: Package, real: dict[str, Path]) -> list[deb.Entry]:
    """Return the files that a package carries."""
    version = version_of(package)[0]
    found = [debs.entry(path, file, version) for path, file in package.get("files", {}).items()]
    for where in package.get("everything", []):
        found += [each for each in debs.unpacked(real[where]).values() if not each.path.startswith("/usr/share/doc/")]
    for where, moves in package.get("unpack", {}).items():
        for path, each in debs.unpacked(real[where]).items():
            for old, new in moves.items():
                if path == old or path.startswith(f"{old}/"):
                    found.append(deb.Entry(new + path[len(old) :], each.content, each.mode, each.link))
    return found


def write_tree(tree: Path, entries: list[deb.Entry]) -> None:
    """Lay out the files of a package."""
    tree.mkdir(parents=True)
    for each in entries:
        target = tree / each.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if each.link:
            target.symlink_to(each.link)
        else:
            target.write_bytes(each.content)
            target.chmod(each.mode)


def modules(repository: dict[str, Any], system: str) -> str:
    """Return the metadata of the repository's module: empty where the system has none.

    The format: https://github.com/fedora-modularity/libmodulemd, yaml_specs/.
    """
    module = repository.get("modules")
    if not module or system not in module["systems"]:
        return ""
    carried: dict[str, list[str]] = {}
    for package in expanded(repository, system):
        for stream in package.get("streams", []):
            carried.setdefault(stream, []).append(full_name(package))
    documents: list[dict[str, Any]] = []
    for stream, artifacts in carried.items():
        data = {"name": module["name"], "stream": stream, "version": 1, "context": "c0ffee01", "arch": "x86_64"}
        data |= {"summary": "stand-in", "description": "stand-in", "license": {"module": ["none"]}}
        data |= {"profiles": {"default": {"rpms": ["nvidia-driver"]}}, "artifacts": {"rpms": sorted(artifacts)}}
        documents.append({"document": "modulemd", "version": 2, "data": data})
    defaults = {"module": module["name"], "stream": module["default"]}
    documents.append({"document": "modulemd-defaults", "version": 1, "data": defaults})
    return yaml.safe_dump_all(documents, explicit_start=True, explicit_end=True, sort_keys=False)


def build(name: str, repository: dict[str, Any], system: str, work: Path) -> None:
    """Make a repository in the folder `repository` of a folder of work."""
    packages = list(expanded(repository, system))
    (work / "specs").mkdir(parents=True)
    wanted = [*packages, *({"unpack": {where: {}}} for package in packages for where in package.get("everything", []))]
    real = debs.real_packages(wanted)
    for package in packages:
        version, _release = version_of(package)
        entries = entries_of(package, real)
        key = f"{package['name']}-{version}"
        write_tree(work / "trees" / key, entries)
        (work / "specs" / f"{key}.spec").write_text(spec(package, [each.path for each in entries]))
    if text := modules(repository, system):
        (work / "modules.yaml").write_text(text)
    place = debs.OUTPUT / name
    secret = debs.KEYS / f"{name}.asc"
    index.make_key(secret, place / "key.asc", place / "fingerprint", f"{name} stand-in <{name}@example.com>")
    shutil.copy(secret, work / "secret.asc")
    image.docker(
        *["run", "--rm", "--interactive", "--network=none", f"--user={os.getuid()}:{os.getgid()}"],
        *[f"--volume={work}:/build", f"--env=SIGNED={' '.join(repository['signed'])}", "--entrypoint=sh"],
        f"gpt-oss-fleet/bare:{system}",
        stdin=BUILD,
    )


def digest(repository: dict[str, Any], system: str) -> str:
    """Return the digest of all that a repository is made of."""
    content = hashlib.sha256(repr((repository, names_of(system), BUILD)).encode())
    content.update(Path(__file__).read_bytes())
    for package in expanded(repository, system):
        for file in package.get("files", {}).values():
            source = file if isinstance(file, str) else file.get("source")
            content.update((debs.HERE / "files" / source).read_bytes() if source else b"")
    return content.hexdigest()


def bring_up_to_date(name: str, repository: dict[str, Any], system: str) -> None:
    """Build a repository beside the old one and put it into its place."""
    place = debs.OUTPUT / name / system
    wanted = digest(repository, system)
    if (place / ".digest").exists() and (place / ".digest").read_text() == wanted:
        print(f"{name}/{system} is up to date")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{system}.", dir=place.parent))
    try:
        build(name, repository, system, work)
        (work / "repository/.digest").write_text(wanted)
        shutil.rmtree(place, ignore_errors=True)
        (work / "repository").rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"Built {name}/{system}: {len(list(place.glob('*.rpm')))} packages")


def main() -> None:
    """Bring the repositories of the systems up to date that the command line names."""
    data = yaml.safe_load((HERE / "packages.yml").read_text())
    systems = sys.argv[1:] or list(image.RELEASES)
    subprocess.run([sys.executable, str(HERE / "image.py"), *systems], check=True)
    debs.OUTPUT.mkdir(parents=True, exist_ok=True)
    with (debs.OUTPUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for system in systems:
            for name, repository in data.items():
                bring_up_to_date(name, repository, system)


if __name__ == "__main__":
    main()
