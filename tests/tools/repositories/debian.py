"""Internal: real Debian packages with all that they need beyond an instance's image, through apt, without being root.

apt works upon folders of its own, so neither the release nor the settings of this machine matter.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from datetime import date
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = {"debian12": "bookworm", "debian13": "trixie"}


def mirror() -> str:
    """Return the mirror that GPT_OSS_FLEET_DEBIAN_MIRROR names, else this machine's. Raises SystemExit without."""
    if named := os.environ.get("GPT_OSS_FLEET_DEBIAN_MIRROR"):
        return named
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    found = subprocess.run([*command, "Label: Debian"], check=False, capture_output=True, text=True).stdout.split()
    own = next((uri for uri in found if uri.startswith("http")), None)
    if own is None:
        raise SystemExit(
            "Wanted: a mirror of Debian, for the packages of the test hosts. Found: none among this machine's sources. "
            "Name one in GPT_OSS_FLEET_DEBIAN_MIRROR."
        )
    return own


def _installed(system: str) -> str:
    """Return the dpkg status of the bare image: what need not be downloaded."""
    command = ["docker", "run", "--rm", "--network=none", "--entrypoint=cat", f"gpt-oss-fleet/bare:{system}"]
    return subprocess.run([*command, "/var/lib/dpkg/status"], check=True, capture_output=True, text=True).stdout


def _apt(system: str, archive: Path, status: str) -> list[str]:
    """Lay out folders for apt below `archive`, bring its index to this day's, and return a command line for them."""
    folder = archive / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "parts", "preferences"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    source = f"deb [signed-by={KEYRING}] {mirror()} {SUITES[system]} main\n"
    (folder / "sources.list").write_text(source)
    (folder / "status").write_text(status)
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "parts",
        "Dir::Etc::preferencesparts": folder / "preferences",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "--quiet=2", *[f"--option={name}={value}" for name, value in options.items()]]
    stamp, today = folder / "updated", f"{date.today()} {source}"
    if not stamp.exists() or stamp.read_text() != today:
        subprocess.run([*apt, "update"], check=True)
        stamp.write_text(today)
    return apt


def _file_names(command: list[str]) -> set[str]:
    """Return the names of the packages that an apt command would download."""
    out = subprocess.run([*command, "--print-uris"], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^'[^']+' (\S+\.deb) \d+", out, flags=re.MULTILINE))


def download_with_needs(system: str, sets: list[list[str]], archive: Path) -> list[Path]:
    """Return packages and all that they need beyond the bare image, downloaded to `archive` unless they lie there.

    The sets are asked for one by one, for their packages may conflict.
    """
    (archive / "partial").mkdir(parents=True, exist_ok=True)
    status = _installed(system)
    note = archive / f"needs-{hashlib.sha256(repr((sets, status)).encode()).hexdigest()[:16]}"
    found = set(note.read_text().split()) if note.exists() else set()
    if not found or not all((archive / name).exists() for name in found):
        apt = _apt(system, archive, status)
        for names in sets:
            # What the image has is wanted again, for tests that take it away.
            install = [*apt, "--yes", "--no-remove", "--reinstall", "install", *names]
            found |= _file_names(install)
            subprocess.run([*install, f"--option=Dir::Cache::archives={archive}", "--download-only"], check=True)
        note.write_text("\n".join(found))
    return [archive / name for name in sorted(found)]


def download(system: str, names: list[str], archive: Path) -> dict[str, Path]:
    """Return packages alone, by name, downloaded to `archive` unless some version of them lies there."""
    archive.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not list(archive.glob(f"{name}_*.deb"))]
    if missing:
        subprocess.run([*_apt(system, archive, ""), "download", *missing], check=True, cwd=archive)
    return {name: max(archive.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime) for name in names}
