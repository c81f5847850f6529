from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_plan import plan
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import (
    BASE,
    DEFAULTS,
    DISTRIBUTIONS,
    OFFICIAL,
    bare,
    distributed,
    official,
    wishes,
)

STOPPED = {"docker": None, "services": {"docker.service": {"active": "inactive", "enabled": "disabled"}}}
STATIC = {**bare(), "docker_binary": "/usr/local/bin/dockerd"}
HELD = {**official(version="27.5.1"), "held": ["docker-ce"]}


def errors(host: dict[str, Any], **changes: Any) -> list[str]:
    return [item["id"] for item in plan(host, wishes(**changes))["problems"] if item["severity"] == "error"]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_bare_host_gets_the_official_engine(distribution: str) -> None:
    made = plan(bare(distribution), wishes())
    assert made["source"] == "official"
    assert made["install"] == OFFICIAL
    assert made["defaults"] == DEFAULTS
    assert made["start"] and made["enable"] and not made["upgrade"]
    assert made["remove"] == [] and made["moves"] == [] and made["problems"] == []


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_an_engine_that_works_is_kept(distribution: str) -> None:
    made = plan(official(distribution), wishes())
    assert made["source"] == "kept"
    assert not (made["install"] or made["start"] or made["enable"] or made["problems"])


@pytest.mark.parametrize(
    ("name", "host", "changes", "source", "installs", "upgrade"),
    [
        ("the distribution's is kept", distributed(), {}, "kept", False, False),
        ("with running containers too", distributed(running_containers=3), {}, "kept", False, False),
        ("a stopped one is kept", {**official(), **STOPPED}, {}, "kept", False, False),
        ("too old", distributed("19.3.15"), {}, "official", True, False),
        ("too old, official", official(version="19.3.15"), {}, "official", True, True),
        ("a higher floor", distributed(), {"minimum_version": "25.0"}, "official", True, False),
        ("official asked for, none", bare(), {"source": "official"}, "official", True, False),
        ("official asked for and there", official(), {"source": "official"}, "official", False, False),
        ("official asked for, docker.io there", distributed(), {"source": "official"}, "official", True, False),
        ("distribution asked for, none", bare(), {"source": "distribution"}, "distribution", True, False),
        ("distribution asked for and there", distributed(), {"source": "distribution"}, "distribution", False, False),
        ("back to the distribution's", official(), {"source": "distribution"}, "distribution", True, False),
        ("pinned and there", official(), {"version": "28.2"}, "kept", False, False),
        ("pinned, another one", official(), {"version": "27.5.1"}, "official", True, True),
        ("pinned, docker.io there", distributed(), {"version": "20.10.25"}, "distribution", True, True),
        ("not owned, but good", {**STATIC, "docker": official()["docker"]}, {}, "kept", False, False),
    ],
)
def test_where_the_engine_comes_from(
    name: str, host: dict[str, Any], changes: dict[str, Any], source: str, installs: bool, upgrade: bool
) -> None:
    made = plan(host, wishes(**changes))
    assert (made["source"], bool(made["install"]), made["upgrade"]) == (source, installs, upgrade), name
    assert made["problems"] == [], name


def test_only_what_is_installed_and_in_the_way_goes() -> None:
    host = distributed()
    host["packages"] = {**host["packages"], "docker-compose": "1.29.2", "podman-docker": "4.3.1", "podman": "4.3.1"}
    assert plan(host, wishes(source="official"))["remove"] == ["docker-compose", "podman-docker"]
    assert plan(host, wishes())["remove"] == []


@pytest.mark.parametrize(
    ("host", "changes", "expected"),
    [
        (bare(), {"docker_host": "tcp://10.0.0.1:2376"}, ["docker_elsewhere"]),
        (bare(), {"docker_host": "unix:///run/user/1000/docker.sock"}, ["docker_elsewhere"]),
        (bare(), {"docker_host": "unix:///run/docker.sock"}, []),
        (bare(user={"name": "me", "root": False}), {}, ["docker_needs_root"]),
        (bare(), {"version": "5:28.2.2-1~debian"}, ["docker_version_unreadable"]),
        (bare(), {"version": "19.03"}, ["docker_version_too_old"]),
        (bare(), {"version": "20"}, []),
        (bare("rhel9"), {"source": "distribution", "packages": {"distribution": []}}, ["docker_not_packaged"]),
        (bare(), {"repository_uri": ""}, ["docker_unsupported"]),
        (bare(), {"repository_uri": "", "repository_managed": False}, []),
        (bare(), {"repository_uri": "", "packages_folder": "/srv/packages"}, []),
        (bare(), {"repository_fingerprints": []}, ["docker_repository_unsigned"]),
        (bare(), {"repository_fingerprints": [], "repository_trusted": True}, []),
        (STATIC, {}, ["docker_unowned"]),
        (HELD, {"version": "28.2.2"}, ["docker_held"]),
        (HELD, {}, []),
        # Packages under running containers.
        (distributed(running_containers=1), {"source": "official"}, ["docker_in_use"]),
        (distributed(running_containers=1), {"source": "official", "replace_running": True}, []),
        (distributed(running_containers=0), {"source": "official"}, []),
        # Live-restore holds across patch releases, towards a newer one.
        (official(running_containers=1, live_restore=True), {"version": "28.2.3"}, []),
        (official(running_containers=1, live_restore=False), {"version": "28.2.3"}, ["docker_in_use"]),
        (official(running_containers=1, live_restore=True), {"version": "28.3.0"}, ["docker_in_use"]),
        (official(running_containers=1, live_restore=True), {"version": "28.2.1"}, ["docker_in_use"]),
        (distributed(running_containers=1, live_restore=True), {"source": "official"}, ["docker_in_use"]),
        # daemon.json
        (bare(daemon_json={**BASE["daemon_json"], "error": "line 3"}), {}, ["daemon_json_broken"]),
        (bare(), {"settings": {"live-restore": "yes"}}, ["daemon_setting_wrong"]),
        (bare(), {"settings": {"log-opts": {"max-file": 5}}}, ["daemon_setting_wrong"]),
        (bare(), {"settings": {"log-opts": {"max-file": None}, "mtu": None}}, []),
        (bare(), {"settings": {"hosts": ["tcp://127.0.0.1:2375"]}}, ["daemon_setting_in_unit"]),
        (bare(init="other"), {"settings": {"hosts": ["tcp://127.0.0.1:2375"]}}, []),
        # Where there is a unit, docker_config looks into it.
        (official(), {"settings": {"hosts": ["tcp://127.0.0.1:2375"]}}, []),
        (official(swarm=True), {}, []),
        (official(swarm=True), {"settings": {"live-restore": True}}, ["live_restore_in_swarm"]),
        (official(swarm=True, written={"live-restore": True}), {}, ["live_restore_in_swarm"]),
        # Places
        (bare(), {"data_root": "data"}, ["docker_data_root_unreadable"]),
        (bare(), {"containerd_root": '/a"b'}, ["docker_containerd_root_unreadable"]),
        (bare(), {"data_root": "/data/docker"}, []),
        (bare(init="other"), {"containerd_root": "/data/containerd"}, ["docker_containerd_root_unused"]),
        (official(), {"data_root": "/data", "occupied": ["/var/lib/docker"]}, ["docker_data_root_occupied"]),
        (official(running_containers=1), {"data_root": "/data"}, ["docker_move_in_use"]),
        (official(running_containers=1), {"data_root": "/var/lib/docker"}, []),
        (
            official(),
            {"containerd_root": "/c", "occupied": ["/var/lib/containerd"]},
            ["docker_containerd_root_occupied"],
        ),
    ],
)
def test_what_is_refused(host: dict[str, Any], changes: dict[str, Any], expected: list[str]) -> None:
    assert errors(host, **changes) == expected


def test_all_problems_at_once() -> None:
    host = bare(user={"name": "me", "root": False}, daemon_json={**BASE["daemon_json"], "error": "line 3"})
    found = errors(host, docker_host="tcp://10.0.0.1:2376", repository_uri="", data_root="data")
    assert len(found) == 5


def test_a_problem_says_what_was_wanted_and_found_and_what_to_do() -> None:
    made = plan(distributed(running_containers=2), wishes(source="official"))
    text = made["problems"][0]["text"]
    assert "no running container" in text and "2 running" in text and "docker_replace_running: true" in text


@pytest.mark.parametrize(
    ("host", "changes", "moved"),
    [
        (official(), {"data_root": "/data/docker"}, [("/var/lib/docker", "/data/docker")]),
        (official(written={"data-root": "/data/docker"}), {"data_root": "/data/docker/"}, []),
        (official(written={"data-root": "/old"}), {"data_root": "/var/lib/docker"}, [("/old", "/var/lib/docker")]),
        # /var/lib/docker is a link to /data/docker: both names are the same folder.
        (official(root="/data/docker"), {"data_root": "/var/lib/docker"}, []),
        (official(root="/data/docker"), {"data_root": "/data/docker"}, []),
        # What an engine left that is gone.
        (bare(), {"data_root": "/data/docker"}, [("/var/lib/docker", "/data/docker")]),
        (official(), {"containerd_root": "/c"}, [("/var/lib/containerd", "/c")]),
        ({**official(), "containerd_root": "/c"}, {"containerd_root": "/c"}, []),
    ],
)
def test_moves(host: dict[str, Any], changes: dict[str, Any], moved: list[tuple[str, str]]) -> None:
    made = plan(host, wishes(**changes))
    assert [(move["from"], move["to"]) for move in made["moves"]] == moved
    assert all(folder.startswith(move["from"] + "/") for move in made["moves"] for folder in move["evidence"])
    assert made["containerd_root"] == ("/c" if "/c" in dict(moved).values() else "")


@pytest.mark.parametrize(
    ("host", "wanted", "written"),
    [
        (official(), "", None),
        (official(), "/data/docker", "/data/docker"),
        (official(), "/var/lib/docker", None),
        (official(written={"data-root": "/data/docker"}), "/data/docker/", None),
        (official(written={"data-root": "/old"}), "/var/lib/docker", "/var/lib/docker"),
        # The file is gone, and the engine has not noticed yet.
        (official(root="/data/docker"), "/data/docker", "/data/docker"),
    ],
)
def test_the_data_root_is_written_where_it_is_not_yet(host: dict[str, Any], wanted: str, written: str | None) -> None:
    assert plan(host, wishes(data_root=wanted))["settings"].get("data-root") == written


@pytest.mark.parametrize(
    ("host", "changes", "warned"),
    [
        (bare(), {}, False),
        (bare(), {"data_root": "/data"}, True),
        (bare(), {"data_root": "/data", "containerd_root": "/c"}, False),
        (bare(), {"data_root": "/data", "version": "28.2"}, False),
        (bare(), {"data_root": "/data", "settings": {"features": {"containerd-snapshotter": False}}}, False),
        (official(version="29.1.0", image_store="containerd"), {"data_root": "/data"}, True),
        (official(version="29.1.0"), {"data_root": "/data"}, False),
    ],
)
def test_docker_29_keeps_images_elsewhere(host: dict[str, Any], changes: dict[str, Any], warned: bool) -> None:
    problems = plan(host, wishes(**changes))["problems"]
    assert [(item["id"], item["severity"]) for item in problems] == (
        [("images_elsewhere", "warning")] if warned else []
    )


@pytest.mark.parametrize(
    ("written", "settings", "log_options_filled", "log_options_removed"),
    [
        ({}, {}, True, False),
        ({"log-driver": "json-file"}, {}, True, False),
        ({"log-driver": "local"}, {}, True, False),
        ({"log-driver": "journald"}, {}, False, False),
        ({}, {"log-driver": "journald"}, False, False),
        # From an earlier run, with another driver.
        ({"log-opts": DEFAULTS["log-opts"]}, {"log-driver": "journald"}, False, True),
        ({"log-opts": {"tag": "x"}}, {"log-driver": "journald"}, False, False),
        ({"log-opts": DEFAULTS["log-opts"]}, {"log-driver": "journald", "log-opts": {"tag": "x"}}, False, False),
    ],
)
def test_log_options_that_the_driver_does_not_have(
    written: dict[str, Any], settings: dict[str, Any], log_options_filled: bool, log_options_removed: bool
) -> None:
    made = plan(official(written=written), wishes(settings=settings))
    assert ("log-opts" in made["defaults"]) is log_options_filled
    assert (made["settings"].get("log-opts", "") is None) is log_options_removed


def test_a_service_without_systemd_is_not_enabled() -> None:
    assert not plan(bare(init="other"), wishes())["enable"]
