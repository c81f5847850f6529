# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: repository - one package repository as asked for, and the file that tells apt or dnf of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

APT = "apt"
DNF = "dnf"
_HEAD = "# Written by the Ansible module gpt_oss.fleet.package_repository, which overwrites it.\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}\Z")
_FAMILIES = {"debian": APT, "ubuntu": APT, "rhel": DNF, "fedora": DNF, "centos": DNF}


class RepositoryError(RuntimeError):
    """A repository could not be made known; the text says what was wanted, what was found and what to do."""


@dataclass(frozen=True)
class Repository:
    """One repository. `uri` has a scheme; `key_path` is empty where nothing is signed."""

    name: str
    manager: str
    uri: str
    suite: str = "/"
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    key_path: str = ""
    trusted: bool = False
    gpgcheck: bool = True
    repo_gpgcheck: bool = False
    module_hotfixes: bool = False
    priority: Optional[int] = None

    @property
    def path(self) -> str:
        """The file that names the repository."""
        return path_of(self.name, self.manager)

    @property
    def metadata_uri(self) -> str:
        """The folder of InRelease, as apt computes it (deb822: a suite that ends in a slash is a plain folder)."""
        base = self.uri if self.uri.endswith("/") else f"{self.uri}/"
        if self.suite == "/":
            return base
        return f"{base}{self.suite}" if self.suite.endswith("/") else f"{base}dists/{self.suite}/"

    def text(self, key_path: str = "") -> str:
        """Return the file's text; with another place of the key, while it is tried out."""
        fields = self._apt_fields if self.manager == APT else self._dnf_fields
        return _HEAD + fields(key_path or self.key_path)

    def _apt_fields(self, key_path: str) -> str:
        fields = {
            "Types": "deb",
            "URIs": self.uri,
            "Suites": self.suite,
            "Components": " ".join(self.components),
            "Architectures": " ".join(self.architectures),
            "Trusted": "yes" if self.trusted else "",
            "Signed-By": key_path,
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)

    def _dnf_fields(self, key_path: str) -> str:
        fields = {
            "name": self.name,
            "baseurl": self.uri,
            "enabled": "1",
            "gpgcheck": str(int(self.gpgcheck and not self.trusted)),
            "repo_gpgcheck": str(int(self.repo_gpgcheck and not self.trusted)),
            "gpgkey": f"file://{key_path}" if key_path else "",
            "module_hotfixes": "1" if self.module_hotfixes else "",
            "priority": "" if self.priority is None else str(self.priority),
        }
        return f"[{self.name}]\n" + "".join(f"{key}={value}\n" for key, value in fields.items() if value)


def repository(params: Mapping[str, Any], manager: str) -> Repository:
    """Return the repository that a module's parameters ask for; `uri` must be there."""
    uri, suite = params["uri"], params["suite"]
    if uri.startswith("/"):
        uri = f"file://{uri}"
    if params["folder"]:
        # Not in the folder: that may be read-only, or shared by many hosts that would write at the same time.
        index = params["index_path"]
        uri, suite = ("file:///", f"{index.strip('/')}/") if manager == APT else (f"file://{index}", suite)
    return Repository(
        name=params["name"],
        manager=manager,
        uri=uri,
        suite=suite,
        components=tuple(params["components"]),
        architectures=tuple(params["architectures"]),
        key_path="" if params["trusted"] else params["key_path"] or default_key_path(params["name"], manager),
        trusted=params["trusted"],
        gpgcheck=params["gpgcheck"],
        repo_gpgcheck=params["repo_gpgcheck"],
        module_hotfixes=params["module_hotfixes"],
        priority=params["priority"],
    )


def path_of(name: str, manager: str) -> str:
    """Return the file that names a repository."""
    return f"/etc/apt/sources.list.d/{name}.sources" if manager == APT else f"/etc/yum.repos.d/{name}.repo"


def default_key_path(name: str, manager: str) -> str:
    """Return where a repository's key is kept unless said otherwise."""
    return f"/etc/apt/keyrings/{name}.asc" if manager == APT else f"/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}"


def wanted_fingerprints(fingerprints: list[str]) -> list[str]:
    """Return fingerprints as 40 upper-case digits; blanks between the digits are welcome."""
    return ["".join(text.split()).upper() for text in fingerprints]


def problems(params: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a module's parameters, each with its remedy."""
    found = []
    if not _NAME.match(params["name"]):
        found.append(f"expected a name of letters, digits, '-', '_' and '.', found {params['name']!r}; rename it")
    if params["state"] == "absent":
        return found
    uri = params["uri"]
    if not re.match(r"(https?|file)://|/", uri) or any(character.isspace() for character in uri):
        found.append(f"expected uri to be http(s)://, file:// or an absolute folder, found {uri!r}; correct it")
    if params["folder"]:
        if not uri.startswith("/"):
            found.append(f"expected uri to be an absolute folder as folder is true, found {uri!r}; correct it")
        if not params["trusted"]:
            found.append("expected trusted with folder, as the index made here is not signed; set trusted to true")
    elif not params["suite"].endswith("/") and not params["components"] and params["manager"] == APT:
        found.append(f"expected components of suite {params['suite']!r}, found none; name them, such as main")
    return found + _key_problems(params)


def _key_problems(params: Mapping[str, Any]) -> list[str]:
    if params["trusted"]:
        return []
    found = []
    if not params["key"] or not params["fingerprints"]:
        missing = [name for name in ("key", "fingerprints") if not params[name]]
        found.append(
            f"expected the repository's key and its fingerprints, found no {' and no '.join(missing)}; "
            "give both, or set trusted for a folder whose contents you vouch for"
        )
    for fingerprint in wanted_fingerprints(params["fingerprints"]):
        if not _FINGERPRINT.match(fingerprint):
            found.append(
                f"expected fingerprints of 40 hex digits, found {fingerprint!r}; "
                "`gpg --show-keys --with-fingerprint FILE` prints them (a short key id can be forged)"
            )
    return found


def manager_of(os_release: str) -> str:
    """Return apt or dnf for the text of /etc/os-release; empty for neither."""
    pairs = (line.partition("=") for line in os_release.splitlines())
    values = {key.strip(): value.strip().strip("\"'") for key, _unused, value in pairs}
    for family in [values.get("ID", ""), *values.get("ID_LIKE", "").split()]:
        if family in _FAMILIES:
            return _FAMILIES[family]
    return ""
