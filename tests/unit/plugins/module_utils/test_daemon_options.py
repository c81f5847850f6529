from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_options

UNIT = "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"
OURS: dict[str, Any] = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "100m", "max-file": "5"},
    "live-restore": True,
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1048576, "Hard": 1048576}},
    "data-root": "/data/docker",
    "runtimes": {"nvidia": {"path": "nvidia-container-runtime", "runtimeArgs": []}},
    "features": {"cdi": True},
    "default-shm-size": "1G",
    "mtu": 9000,
}


def test_good_settings() -> None:
    assert _daemon_options.structure_problems(OURS, known_only=True) == []
    assert _daemon_options.unknown_keys(OURS) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"live-restore": "true"}, "live-restore must be true or false, found 'true'"),
        ({"live-restore": 1}, "live-restore must be true or false"),
        ({"mtu": True}, "mtu must be a number"),
        ({"data-root": ["/a"]}, "data-root must be a string"),
        ({"dns": "10.0.0.1"}, "dns must be a list"),
        ({"runtimes": []}, "runtimes must be an object"),
        ({"default-shm-size": False}, "default-shm-size must be a string or a number"),
        ({"log-opts": {"max-file": 5}}, "log-opts must hold strings only"),
        ({"default-ulimits": {"nofile": {"Soft": "1", "Hard": 1}}}, "default-ulimits.nofile must be like"),
        ({"default-ulimits": {"nofile": 1024}}, "default-ulimits.nofile must be like"),
        ({"live-restor": True}, "live-restor is no option of dockerd"),
    ],
)
def test_bad_settings(settings: dict[str, Any], said: str) -> None:
    problems = _daemon_options.structure_problems(settings, known_only=True)
    assert len(problems) == 1
    assert said in problems[0]


def test_unknown_keys_may_belong_to_a_newer_daemon() -> None:
    assert _daemon_options.structure_problems({"new-option": 1}, known_only=False) == []
    assert _daemon_options.unknown_keys({"new-option": 1, "mtu": 1}) == ["new-option"]


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (UNIT, {"hosts": "-H", "containerd": "--containerd"}),
        ("dockerd", {}),
        ("dockerd -Hunix:///a -D", {"hosts": "-H", "debug": "-D"}),
        ("dockerd --label a=b --log-opt max-size=1m", {"labels": "--label", "log-opts": "--log-opt"}),
        ("dockerd --live-restore=false -g /data", {"live-restore": "--live-restore", "data-root": "-g"}),
    ],
)
def test_keys_of_flags(command: str, keys: dict[str, str]) -> None:
    assert _daemon_options.keys_of_flags(command.split()[1:]) == keys


@pytest.mark.parametrize(
    ("settings", "command", "conflicts"),
    [
        ({"hosts": ["unix:///var/run/docker.sock"]}, UNIT, 1),
        ({"hosts": ["fd://"], "containerd": "/run/containerd/containerd.sock"}, UNIT, 2),
        (OURS, UNIT, 0),
        # The one key that dockerd takes from both.
        (OURS, UNIT + " --add-runtime nvidia=/usr/bin/nvidia-container-runtime", 0),
        ({"proxies": {"http-proxy": "http://a"}}, "dockerd --http-proxy http://b", 1),
        ({"mtu": 1}, "dockerd --label 'unclosed --mtu 2", 1),
    ],
)
def test_flag_conflicts(settings: dict[str, Any], command: str, conflicts: int) -> None:
    found = _daemon_options.flag_conflicts(settings, command, "the unit docker.service")
    assert len(found) == conflicts
    assert all("the unit docker.service" in line for line in found)
