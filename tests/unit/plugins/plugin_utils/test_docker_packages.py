from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_packages import UnknownVersion, package_specs
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import OFFICIAL

APT = ["5:29.0.1-1~debian.12~bookworm", "5:28.2.2-1~debian.12~bookworm", "5:28.2.1-1~debian.12~bookworm"]
DNF = ["3:29.0.1-1.el9", "3:28.2.2-1.el9"]


def offered(available: list[str]) -> dict[str, Any]:
    entry = {"installed": None, "candidate": available[0], "available": available}
    return dict.fromkeys(OFFICIAL, entry)


def test_nothing_pinned() -> None:
    assert package_specs(OFFICIAL, "", {}, "debian") == OFFICIAL


@pytest.mark.parametrize(
    ("pin", "family", "available", "first"),
    [
        ("28.2", "debian", APT, "docker-ce=5:28.2.2-1~debian.12~bookworm"),
        ("28.2.1", "debian", APT, "docker-ce=5:28.2.1-1~debian.12~bookworm"),
        ("28.2.2", "redhat", DNF, "docker-ce-3:28.2.2-1.el9"),
    ],
)
def test_the_engines_packages_are_pinned(pin: str, family: str, available: list[str], first: str) -> None:
    specs = package_specs(OFFICIAL, pin, offered(available), family)
    assert specs[0] == first
    assert specs[1].startswith("docker-ce-cli")
    assert specs[2:] == OFFICIAL[2:]


def test_a_version_that_is_not_there() -> None:
    with pytest.raises(UnknownVersion, match=r"wanted version 27\.1, found 29\.0\.1, 28\.2\.2, 28\.2\.1 in the repos"):
        package_specs(OFFICIAL, "27.1", offered(APT), "debian")
    with pytest.raises(UnknownVersion, match="found none"):
        package_specs(OFFICIAL, "27.1", {}, "debian")
