"""Signed apt repositories made in a test: throw-away keys, stub packages, and what can be wrong with them."""

from __future__ import annotations

import email.utils
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "gpt-oss-stub"


@dataclass(frozen=True)
class Key:
    """A throw-away signing key."""

    home: Path
    fingerprint: str

    @property
    def public(self) -> str:
        return gpg(self.home, "--armor", "--export", self.fingerprint)


def make_key(home: Path, user: str = "Test of gpt_oss.fleet <test@example.com>") -> Key:
    home.mkdir(mode=0o700, exist_ok=True)
    gpg(home, "--batch", "--passphrase", "", "--quick-generate-key", user, "rsa2048", "sign", "never")
    listing = gpg(home, "--with-colons", "--list-keys", user)
    fingerprints = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr")]
    return Key(home, fingerprints[-1])


def gpg(home: Path, *arguments: str) -> str:
    command = ["gpg", "--homedir", str(home), "--quiet", "--no-permission-warning", "--pinentry-mode", "loopback"]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def end_agent(home: Path) -> None:
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, timeout=10)


def make_package(folder: Path, version: str, name: str = PACKAGE) -> Path:
    """Make a package that installs nothing."""
    tree = folder / f".{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.com>\n"
        "Description: stub\n It has a long description.\n"
    )
    file = folder / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(file)], check=True, capture_output=True)
    return file


def publish(root: Path, versions: list[str], key: Key | None, suite: str = "stable") -> Path:
    """Make a repository of one package with a suite of one component, signed if a key is given."""
    pool, index = root / "pool", root / "dists" / suite / "main" / "binary-amd64"
    for folder in (pool, index):
        folder.mkdir(parents=True, exist_ok=True)
    files = [make_package(pool, version) for version in versions]
    (index / "Packages").write_text("\n".join(stanza(root, file) for file in files))
    sign(root / "dists" / suite, key)
    return root


def stanza(root: Path, file: Path) -> str:
    fields = subprocess.run(["dpkg-deb", "--field", str(file)], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{fields}Filename: {file.relative_to(root)}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


def sign(suite: Path, key: Key | None, architecture: str = "amd64") -> None:
    """Write Release over what lies in the suite now, and sign it."""
    files = sorted(file for file in suite.rglob("*") if file.is_file() and "Release" not in file.name)
    sums = "".join(
        f" {hashlib.sha256(file.read_bytes()).hexdigest()} {file.stat().st_size} {file.relative_to(suite)}\n"
        for file in files
    )
    (suite / "InRelease").unlink(missing_ok=True)
    (suite / "Release").write_text(
        f"Origin: Test\nSuite: {suite.name}\nCodename: {suite.name}\nDate: {email.utils.formatdate(usegmt=True)}\n"
        f"Architectures: {architecture}\nComponents: main\nSHA256:\n{sums}"
    )
    if key:
        clearsign(suite, key)


def clearsign(suite: Path, key: Key) -> None:
    signing = ["--batch", "--yes", "--local-user", key.fingerprint, "--clearsign", "--output"]
    gpg(key.home, *signing, str(suite / "InRelease"), str(suite / "Release"))
