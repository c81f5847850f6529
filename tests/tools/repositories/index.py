"""Internal: the index of a repository of Debian packages, signed by a throw-away key.

The format is that of https://wiki.debian.org/DebianRepository/Format.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import deb


@contextmanager
def _gpg(secret: Path) -> Iterator[list[str]]:
    """Yield a gpg command line with a home of its own, that holds the key at `secret` when there is one."""
    home = Path(tempfile.mkdtemp(prefix="gpg."))
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]
    try:
        if secret.exists():
            subprocess.run([*command, "--import", str(secret)], check=True)
        yield [*command, "--passphrase", ""]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def make_key(secret: Path, public: Path, fingerprint: Path, owner: str) -> None:
    """Make the key of a repository, once."""
    if secret.exists() and public.exists() and fingerprint.exists():
        return
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.unlink(missing_ok=True)
    public.parent.mkdir(parents=True, exist_ok=True)
    with _gpg(secret) as gpg:
        subprocess.run([*gpg, "--quick-generate-key", owner, "ed25519", "sign", "never"], check=True)
        listing = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True)
        public.write_bytes(subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout)
        keys = subprocess.run([*gpg, "--armor", "--export-secret-keys"], check=True, capture_output=True).stdout
    first = next(line for line in listing.stdout.splitlines() if line.startswith("fpr:"))
    fingerprint.write_text(first.split(":")[9] + "\n")
    secret.touch(mode=0o600)
    secret.write_bytes(keys)


def packages(folder: Path) -> str:
    """Return the Packages index of all packages in `folder`, their paths relative to it."""
    paragraphs = []
    for path in sorted(folder.rglob("*.deb")):
        content = path.read_bytes()
        file = {
            "Filename": str(path.relative_to(folder)),
            "Size": str(len(content)),
            "SHA256": hashlib.sha256(content).hexdigest(),
        }
        paragraphs.append(deb.control(path) + deb.stanza(file))
    return "\n".join(paragraphs)


def write(folder: Path, index: str, secret: Path, fields: dict[str, str], component: str = "") -> None:
    """Write Packages, Release and the signed InRelease into `folder`: flat, or with one component."""
    place = folder / component / "binary-amd64" if component else folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "Packages").write_text(index)
    content = index.encode()
    name = (place / "Packages").relative_to(folder)
    fields = {**fields, "Date": formatdate(usegmt=True), "Architectures": "amd64", "Components": component}
    sums = f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
    (folder / "Release").write_text(deb.stanza(fields) + sums)
    (folder / "InRelease").unlink(missing_ok=True)
    with _gpg(secret) as gpg:
        release, signed = str(folder / "Release"), str(folder / "InRelease")
        subprocess.run([*gpg, "--clearsign", "--output", signed, release], check=True)
        subprocess.run([*gpg, "--armor", "--detach-sign", "--output", f"{release}.gpg", release], check=True)
