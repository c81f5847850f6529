"""What the role's variables come to on each system, as Ansible renders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_plan import plan
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import (
    DEFAULTS,
    DISTRIBUTIONS,
    OFFICIAL,
    bare,
    wishes,
)

ROLE = Path(__file__).resolve().parents[4] / "roles" / "docker"
DEBIAN_KEY = ["9DC858229FC7DD38854AE2D88D81803C0EBFCD88"]
RHEL_KEY = ["060A61C51B558A7F742B77AAC52FEB6B621E9F35"]


def render(name: str, host: dict[str, Any] | None = None, **variables: Any) -> Any:
    loader = DataLoader()
    files = [ROLE / "defaults" / "main.yml", ROLE / "vars" / "main.yml"]
    known: dict[str, Any] = {}
    for file in files:
        known.update(loader.load_from_file(str(file), trusted_as_template=True))
    known.update(variables)
    if host:
        known["gpt_oss_host"] = host
    return Templar(loader=loader, variables=known).template(trust_as_template("{{ " + name + " }}"))


@pytest.mark.parametrize(
    ("distribution", "uri", "suite", "key", "fingerprints", "packages"),
    [
        ("debian12", "debian", "bookworm", "debian/gpg", DEBIAN_KEY, ["docker.io"]),
        ("debian13", "debian", "trixie", "debian/gpg", DEBIAN_KEY, ["docker.io", "docker-cli"]),
        ("ubuntu2204", "ubuntu", "jammy", "ubuntu/gpg", DEBIAN_KEY, ["docker.io"]),
        ("ubuntu2404", "ubuntu", "noble", "ubuntu/gpg", DEBIAN_KEY, ["docker.io"]),
        ("rhel9", "rhel/9/$basearch/stable", "/", "rhel/gpg", RHEL_KEY, []),
        ("rocky9", "rhel/9/$basearch/stable", "/", "rhel/gpg", RHEL_KEY, []),
        ("rhel10", "rhel/10/$basearch/stable", "/", "rhel/gpg", RHEL_KEY, []),
        ("rocky10", "rhel/10/$basearch/stable", "/", "rhel/gpg", RHEL_KEY, []),
    ],
)
def test_the_repository(
    distribution: str, uri: str, suite: str, key: str, fingerprints: list[str], packages: list[str]
) -> None:
    host = bare(distribution)
    assert render("docker_repository_uri", host) == f"https://download.docker.com/linux/{uri}"
    assert render("docker_repository_suite", host) == suite
    assert render("docker_repository_key", host) == f"https://download.docker.com/linux/{key}"
    assert render("docker_repository_fingerprints", host) == fingerprints
    assert render("docker_distribution_packages", host) == packages
    assert distribution in DISTRIBUTIONS


def test_a_system_without_a_repository_is_refused() -> None:
    host = bare()
    host["distribution"] = {"id": "arch", "major": 0, "codename": None, "family": "other", "name": "Arch Linux"}
    assert render("docker_repository_uri", host) == ""
    made = plan(host, render("__docker_options", host))
    assert [item["id"] for item in made["problems"]] == ["docker_unsupported"]


def test_the_wishes_are_those_that_the_plan_is_tested_with() -> None:
    assert render("__docker_options", bare()) == wishes()
    assert render("docker_packages") == OFFICIAL
    assert render("docker_daemon_defaults") == DEFAULTS


def test_the_variables_can_be_checked_before_anything_is_known_of_the_host() -> None:
    assert render("docker_repository_uri") == ""
    assert render("docker_distribution_packages") == []


RUNNING = {"installs": False, "start": False, "enable": False, "reload": False}


@pytest.mark.parametrize(
    ("plan_changes", "changed_keys", "restart_keys", "restart", "action", "notices"),
    [
        ({}, [], [], False, "", False),
        ({}, ["labels"], [], False, "reloaded", True),
        ({}, ["log-opts"], ["log-opts"], True, "restarted", True),
        # It waits, but the other key is taken over.
        ({}, ["log-opts", "labels"], ["log-opts"], False, "reloaded", True),
        ({}, ["log-opts"], ["log-opts"], False, "", True),
        ({}, [], ["log-opts"], True, "restarted", True),
        ({"start": True}, ["labels"], [], False, "started", True),
        ({"enable": True}, [], [], False, "", True),
        # A run before was cut off after it had written the file.
        ({"reload": True}, [], [], False, "reloaded", True),
        ({"reload": True, "installs": True, "start": True}, [], [], False, "started", True),
        ({"installs": True, "start": True}, ["labels"], [], False, "started", True),
    ],
)
def test_what_is_done_with_the_daemon(
    plan_changes: dict[str, Any],
    changed_keys: list[str],
    restart_keys: list[str],
    restart: bool,
    action: str,
    notices: bool,
) -> None:
    variables = {
        "ansible_check_mode": False,
        "__docker_plan": {**RUNNING, **plan_changes},
        "__docker_config": {
            "changed": bool(changed_keys),
            "changed_keys": changed_keys,
            "restart_keys": restart_keys,
        },
        "__docker_containerd_config": {"changed": False},
        "gpt_oss_docker_restart": {"restart": restart},
    }
    assert render("__docker_action", bare(), **variables) == action
    assert render("__docker_changed", bare(), **variables) is notices
