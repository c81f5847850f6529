from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _apt_index, _apt_sources, _dnf_index, _repository
from ansible_collections.gpt_oss.fleet.plugins.module_utils._index_errors import explain

FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
DOCKER: dict[str, Any] = {
    "name": "docker",
    "state": "present",
    "manager": "apt",
    "uri": "https://download.docker.com/linux/debian",
    "suite": "bookworm",
    "components": ["stable"],
    "architectures": ["amd64"],
    "key": "https://download.docker.com/linux/debian/gpg",
    "fingerprints": [FINGERPRINT],
    "key_path": None,
    "trusted": False,
    "folder": False,
    "index_path": "/var/lib/gpt_oss/repositories/docker",
    "gpgcheck": True,
    "repo_gpgcheck": False,
    "module_hotfixes": False,
    "priority": None,
}
FOLDER: dict[str, Any] = {
    "uri": "/srv/debs",
    "folder": True,
    "trusted": True,
    "suite": "/",
    "components": [],
    "architectures": [],
}


def text(manager: str = "apt", **changes: Any) -> str:
    return _repository.repository({**DOCKER, **changes}, manager).text().partition("\n")[2]


def test_deb822() -> None:
    assert text() == (
        "Types: deb\nURIs: https://download.docker.com/linux/debian\nSuites: bookworm\nComponents: stable\n"
        "Architectures: amd64\nSigned-By: /etc/apt/keyrings/docker.asc\n"
    )
    assert text(uri="/srv/mirror", suite="/", components=[], architectures=[], trusted=True) == (
        "Types: deb\nURIs: file:///srv/mirror\nSuites: /\nTrusted: yes\n"
    )
    assert text(**FOLDER) == (
        "Types: deb\nURIs: file:///\nSuites: var/lib/gpt_oss/repositories/docker/\nTrusted: yes\n"
    )


def test_repo_file() -> None:
    assert text("dnf") == (
        "[docker]\nname=docker\nbaseurl=https://download.docker.com/linux/debian\nenabled=1\ngpgcheck=1\n"
        "repo_gpgcheck=0\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-docker\n"
    )
    assert text("dnf", gpgcheck=False, repo_gpgcheck=True, module_hotfixes=True, priority=10, key_path="/k") == (
        "[docker]\nname=docker\nbaseurl=https://download.docker.com/linux/debian\nenabled=1\ngpgcheck=0\n"
        "repo_gpgcheck=1\ngpgkey=file:///k\nmodule_hotfixes=1\npriority=10\n"
    )
    assert "gpgcheck=0\nrepo_gpgcheck=0\n" in text("dnf", trusted=True, repo_gpgcheck=True)
    assert "baseurl=file:///var/lib/gpt_oss/repositories/docker\n" in text("dnf", **FOLDER)


@pytest.mark.parametrize(
    ("uri", "suite", "expected"),
    [
        ("https://download.docker.com/linux/debian", "bookworm", "download.docker.com_linux_debian_dists_bookworm_"),
        ("https://x.example/cuda/debian12/x86_64/", "/", "x.example_cuda_debian12_x86%5f64_"),
        ("http://user:secret@x.example:8080/a", "b/c", "x.example:8080_a_dists_b_c_"),
        ("file:///srv/re pos", "./", "_srv_re%20pos_._"),
        ("http://x.example/a~b+c", "stable", "x.example_a%7eb+c_dists_stable_"),
    ],
)
def test_names_of_lists(uri: str, suite: str, expected: str) -> None:
    repository = _repository.repository({**DOCKER, "uri": uri, "suite": suite}, "apt")
    assert _apt_index.list_name(repository.metadata_uri) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"fingerprints": [" 9dc8 5822 9fc7 dd38 854a  e2d8 8d81 803c 0ebf cd88"]}, []),
        ({"key": "", "fingerprints": [], "trusted": True}, []),
        (FOLDER, []),
        ({"manager": "dnf", "components": []}, []),
        ({"suite": "/", "components": []}, []),
        ({"name": "a b"}, ["expected a name of letters"]),
        ({"name": "../x", "state": "absent"}, ["expected a name of letters"]),
        ({"uri": "ftp://x"}, ["expected uri to be http"]),
        ({"uri": "relative/folder"}, ["expected uri to be http"]),
        ({"uri": "http://x/\nTrusted: yes"}, ["expected uri to be http"]),
        ({"components": []}, ["expected components of suite 'bookworm', found none"]),
        ({"key": None}, ["found no key; give both"]),
        ({"key": "", "fingerprints": []}, ["found no key and no fingerprints; give both"]),
        ({"fingerprints": ["0EBFCD88"]}, ["a short key id can be forged"]),
        ({**FOLDER, "trusted": False, "uri": "http://x/"}, ["absolute folder", "expected trusted with folder"]),
    ],
)
def test_problems(changes: dict[str, Any], expected: list[str]) -> None:
    found = _repository.problems({**DOCKER, **changes})
    assert len(found) == len(expected), found
    for problem, part in zip(found, expected):
        assert part in problem


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "apt"),
        ("ID=debian\n", "apt"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf"),
        ('ID="rhel"\n', "dnf"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "apt"),
        ("ID=arch\n", ""),
        ("", ""),
    ],
)
def test_manager(os_release: str, expected: str) -> None:
    assert _repository.manager_of(os_release) == expected


LIST = """\
# deb http://commented.example/ x main
deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] https://download.docker.com/linux/debian/ bookworm stable # x
deb-src http://deb.example.com/debian bookworm main
deb https://flat.example/cuda /
"""
SOURCES = """\
# A comment
Types: deb deb-src
URIs: https://download.docker.com/linux/debian
  https://mirror.example/docker/
Suites: bookworm trixie
Components: stable
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDME

Enabled: no
Types: deb
URIs: https://off.example/
Suites: x
"""


def test_sources_of_both_styles() -> None:
    one_line = _apt_sources.parse("/etc/apt/sources.list.d/x.list", LIST)
    assert [(source.uri, source.suite, source.signed_by) for source in one_line] == [
        ("https://download.docker.com/linux/debian", "bookworm", "/usr/share/keyrings/docker.gpg"),
        ("http://deb.example.com/debian", "bookworm", ""),
        ("https://flat.example/cuda", "/", ""),
    ]
    deb822 = _apt_sources.parse("/etc/apt/sources.list.d/x.sources", SOURCES)
    assert [(source.uri, source.suite) for source in deb822] == [
        ("https://download.docker.com/linux/debian", "bookworm"),
        ("https://download.docker.com/linux/debian", "trixie"),
        ("https://mirror.example/docker", "bookworm"),
        ("https://mirror.example/docker", "trixie"),
    ]
    assert deb822[0].signed_by.startswith("-----BEGIN")


def test_clashes() -> None:
    sources = _apt_sources.parse("/etc/apt/sources.list.d/x.list", LIST)
    uri = "https://download.docker.com/linux/debian"
    assert [source.path for source in _apt_sources.clashes(sources, uri, "bookworm", "/k")] == [sources[0].path]
    assert not _apt_sources.clashes(sources, uri, "bookworm", "/usr/share/keyrings/docker.gpg")
    assert not _apt_sources.clashes(sources, uri, "trixie", "/k")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # apt 2.6
        (
            "W: GPG error: file:/x stable InRelease: The following signatures couldn't be verified because the public "
            "key is not available: NO_PUBKEY 0123456789ABCDEF",
            "it is not signed by the given key",
        ),
        ("E: The repository 'file:/x stable Release' is not signed.", "it is not signed ("),
        ("E: Failed to fetch http://x/Packages  Hash Sum mismatch", "do not match its signed list"),
        (
            "E: Failed to fetch http://x/InRelease  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: "
            "Connection refused)",
            "the server cannot be reached",
        ),
        (
            "W: GPG error: http://x InRelease: The following signatures were invalid: EXPKEYSIG 0123456789ABCDEF A",
            "the signing key has expired",
        ),
        # apt 3.0 with sqv
        (
            "W: OpenPGP signature verification failed: http://x InRelease: Sub-process /usr/bin/sqv returned an error "
            "code (1), error message is: Missing key 0123, which is needed to verify signature.",
            "not signed by the given key",
        ),
        ("Signing key on 0123 is not bound: SHA1 is not considered secure since 2026-02-01T00:00:00Z", "uses SHA-1"),
        # dnf 4.14
        (
            "Error: Failed to download metadata for repo 'x': Cannot download repomd.xml: Status code: 404",
            "no index at",
        ),
        (
            "Error: Failed to download metadata for repo 'x': GPG verification is enabled, but GPG signature is not "
            "available. This may be an error or the repository does not support GPG verification",
            "it is not signed (",
        ),
        ("E: Something new happened", "E: Something new happened; correct uri"),
    ],
)
def test_causes(line: str, expected: str) -> None:
    assert expected in explain([line, "E: Some index files failed to download."])


def test_apt_is_confined() -> None:
    repository = _repository.repository(DOCKER, "apt")
    lines = _apt_index.configuration(repository, "/var/lib/apt/stage", 180).splitlines()
    assert 'Dir::Etc::sourcelist "/var/lib/apt/stage/docker.sources";' in lines
    assert 'Acquire::https::Timeout "30";' in lines
    assert "#clear APT::Update::Post-Invoke-Success;" in lines


def test_dnf_is_confined() -> None:
    command = _dnf_index.command(_repository.repository(DOCKER, "dnf"), "/tmp/stage", 60)
    assert command[:5] == ["timeout", "--kill-after=5", "60", "dnf", "-y"]
    assert "--setopt=reposdir=/tmp/stage" in command
    assert "--setopt=docker.skip_if_unavailable=0" in command
    assert command[-3:] == ["--repo=docker", "--refresh", "makecache"]
