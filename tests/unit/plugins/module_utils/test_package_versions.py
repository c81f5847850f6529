from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _package_versions, _rpm_version

# apt 2.6.1, addresses shortened.
POLICY = """\
bash:
  Installed: 5.2.15-2+b8
  Candidate: 5.2.15-2+b13
  Version table:
     5.2.15-2+b13 500
        500 http://deb.example.com/debian bookworm/main amd64 Packages
 *** 5.2.15-2+b8 100
        100 /var/lib/dpkg/status
tzdata:
  Installed: 2025b-0+deb12u2
  Candidate: 2026f-0+deb12u1
  Version table:
     2026f-0+deb12u1 500
        500 http://deb.example.com/debian-security bookworm-security/main amd64 Packages
        500 http://mirror.example.com/debian-security bookworm-security/main amd64 Packages
     2026b-0+deb12u1 500
        500 http://deb.example.com/debian bookworm/main amd64 Packages
 *** 2025b-0+deb12u2 100
        100 /var/lib/dpkg/status
nvidia-open:
  Installed: (none)
  Candidate: (none)
  Version table:
     590.48.01-1 -1
        500 file:/srv/repositories/nvidia ./ Packages
"""


def test_policy() -> None:
    assert _package_versions.parse_policy(POLICY) == {
        "bash": {"installed": "5.2.15-2+b8", "candidate": "5.2.15-2+b13", "available": ["5.2.15-2+b13"]},
        "tzdata": {
            "installed": "2025b-0+deb12u2",
            "candidate": "2026f-0+deb12u1",
            "available": ["2026f-0+deb12u1", "2026b-0+deb12u1"],
        },
        "nvidia-open": {"installed": None, "candidate": None, "available": ["590.48.01-1"]},
    }


class Told:
    """A runner that answers by the command's first words, and notes what it was asked."""

    def __init__(self, answers: dict[str, tuple[int, str, str]]) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        self.asked.append(command)
        return next(answer for start, answer in self.answers.items() if " ".join(command).startswith(start))


def test_apt_patterns_are_expanded_and_names_always_answered() -> None:
    run = Told(
        {
            "apt-cache pkgnames": (0, "tzdata\nbash\nbase-files\nbasic256\n", ""),
            "apt-cache policy": (0, POLICY.partition("nvidia")[0], "N: Unable to locate package nosuch"),
        }
    )
    versions = _package_versions.apt_versions(["bas*", "nosuch", "tzdata"], run)
    assert list(versions) == ["bash", "nosuch", "tzdata"]
    assert versions["nosuch"] == {"installed": None, "candidate": None, "available": []}
    assert run.asked[1] == ["apt-cache", "policy", "base-files", "bash", "basic256", "nosuch", "tzdata"]


def test_apt_without_a_match_asks_no_more() -> None:
    assert _package_versions.apt_versions(["x*"], Told({"apt-cache pkgnames": (0, "bash\n", "")})) == {}


def test_apt_that_cannot_answer() -> None:
    run = Told({"apt-cache": (100, "", "E: Conflicting values set for option Signed-By regarding source x")})
    with pytest.raises(_package_versions.QueryError, match="found: E: Conflicting values.*; repair"):
        _package_versions.apt_versions(["bash"], run)


RPMS = """\
nvidia-open|3|590.48.01|1.el9|noarch

nvidia-open|3|580.95.05|1.el9|noarch
nvidia-open|3|580.105.08|1.el9|noarch
docker-ce|3|28.2.2|1.el9|x86_64
docker-ce|3|28.2.2|1.el9|src
containerd.io|0|1.7.27|3.1.el9|x86_64
gpg-pubkey|(none)|621e9f35|58adea78|(none)
"""


def test_rpms() -> None:
    assert _package_versions.parse_rpms(RPMS) == {
        "nvidia-open": ["3:590.48.01-1.el9", "3:580.105.08-1.el9", "3:580.95.05-1.el9"],
        "docker-ce": ["3:28.2.2-1.el9"],
        "containerd.io": ["1.7.27-3.1.el9"],
        "gpg-pubkey": ["621e9f35-58adea78"],
    }


def test_dnf_names_are_always_answered() -> None:
    run = Told({"rpm": (0, "docker-ce|3|28.2.0|1.el9|x86_64\n", ""), "dnf": (0, RPMS, "")})
    versions = _package_versions.dnf_versions(["docker-ce", "nosuch"], run)
    assert versions["docker-ce"] == {
        "installed": "3:28.2.0-1.el9",
        "candidate": "3:28.2.2-1.el9",
        "available": ["3:28.2.2-1.el9"],
    }
    assert versions["nosuch"] == {"installed": None, "candidate": None, "available": []}


# dnf 4.14, after `dnf module enable nvidia-driver:580-open`.
MODULES = """\
nvidia-driver
Name          Stream          Profiles Summary
nvidia-driver latest-dkms [d] default  stand-in
nvidia-driver open-dkms       default  stand-in
nvidia-driver 580-open [e]    default  stand-in

another repository
Name          Stream   Profiles    Summary
nvidia-driver 590-open default [d] stand-in
postgresql    16 [x]   server      A database

Hint: [d]efault, [e]nabled, [x]disabled, [i]nstalled
"""


def test_modules() -> None:
    assert _package_versions.parse_modules(MODULES) == {
        "nvidia-driver": {
            "streams": ["latest-dkms", "open-dkms", "580-open", "590-open"],
            "enabled": "580-open",
            "default": "latest-dkms",
        },
        "postgresql": {"streams": ["16"], "enabled": None, "default": None},
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((1, "", "Error: No matching Modules to list"), {}),
        ((2, "", 'Unknown argument "module" for command "dnf5".'), {}),
        ((0, "", ""), {}),
    ],
)
def test_no_modules(answer: tuple[int, str, str], expected: dict[str, Any]) -> None:
    assert _package_versions.dnf_modules(["nvidia-driver"], Told({"dnf": answer})) == expected


def test_a_broken_dnf_is_no_answer() -> None:
    with pytest.raises(_package_versions.QueryError, match="Cannot download repomd.xml"):
        _package_versions.dnf_modules(["x"], Told({"dnf": (1, "", "Error: x: Cannot download repomd.xml")}))


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        ("1.0", "1.0", 0),
        ("1.0", "1.1", -1),
        ("1.10", "1.9", 1),
        ("1.05", "1.5", 0),
        ("580.95.05", "580.105.08", -1),
        ("1.0", "1.0.1", -1),
        ("1.0a", "1.0", 1),
        ("1.0a", "1.0.1", -1),
        ("1.0~rc1", "1.0", -1),
        ("1.0~rc1", "1.0~rc2", -1),
        ("1.0^git1", "1.0", 1),
        ("1.0^git1", "1.0.1", -1),
        ("1.0^git1", "1.0~rc1", 1),
        ("1.el9", "1.el10", -1),
    ],
)
def test_order_of_rpm_versions(first: str, second: str, order: int) -> None:
    assert _rpm_version.compare(first, second) == order
    assert _rpm_version.compare(second, first) == -order


def test_an_epoch_wins() -> None:
    assert _rpm_version.newest_first(["9.0-1", "1:1.0-1", "9.0-2"]) == ["1:1.0-1", "9.0-2", "9.0-1"]
