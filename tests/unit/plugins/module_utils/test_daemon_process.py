from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_process

SHOWN = """\
ExecStart={ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS ; ignore_errors=no ; pid=0 }
Environment=A=1 EXTRA=--debug
EnvironmentFiles=/etc/default/docker (ignore_errors=yes)
LoadState=loaded
"""
STAT = "42 (dockerd) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 777 1 1"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def running(root: Path, comm: str = "dockerd") -> None:
    put(root, "var/run/docker.pid", "42")
    put(root, "proc/42/comm", f"{comm}\n")
    put(root, "proc/42/stat", STAT)


def test_identity(tmp_path: Path) -> None:
    assert _daemon_process.identity(str(tmp_path)) is None
    running(tmp_path)
    assert _daemon_process.identity(str(tmp_path)) == "42:777"
    put(tmp_path, "proc/42/comm", "sleep\n")
    assert _daemon_process.identity(str(tmp_path)) is None


def test_the_units_command_line(tmp_path: Path) -> None:
    put(tmp_path, "run/systemd/system/x", "")
    put(tmp_path, "etc/default/docker", '# a comment\nDOCKER_OPTS="--mtu 9000"\n')
    asked: list[Any] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.append(command)
        return 0, SHOWN, ""

    command, origin = _daemon_process.command_line(run, str(tmp_path))
    assert command == "/usr/sbin/dockerd -H fd:// --mtu 9000"
    assert origin == "the unit docker.service"
    assert asked[0][:3] == ["systemctl", "show", "docker.service"]


def test_a_unit_that_is_not_there(tmp_path: Path) -> None:
    put(tmp_path, "run/systemd/system/x", "")
    command, _origin = _daemon_process.command_line(lambda _command: (0, "LoadState=not-found\n", ""), str(tmp_path))
    assert command == ""


def test_the_init_scripts_command_line(tmp_path: Path) -> None:
    def run(_command: list[str]) -> tuple[int, str, str]:
        raise AssertionError("systemctl was asked where there is no systemd")

    assert _daemon_process.command_line(run, str(tmp_path)) == ("", "")
    put(tmp_path, "etc/init.d/docker", "")
    put(tmp_path, "etc/default/docker", "#DOCKER_OPTS=--debug\nexport DOCKER_OPTS='--mtu 9000'\n")
    command, origin = _daemon_process.command_line(run, str(tmp_path))
    assert command == "dockerd --pidfile /var/run/docker.pid --mtu 9000"
    assert origin == "/etc/init.d/docker and /etc/default/docker"


def test_variables_of_the_unit_itself() -> None:
    shown = SHOWN.replace("$DOCKER_OPTS", "${EXTRA}")
    assert _daemon_process.unit_command(shown, lambda _path: "") == "/usr/sbin/dockerd -H fd:// --debug"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("dockerd -D", "/etc/docker/daemon.json"),
        ("dockerd --config-file /a.json -D", "/a.json"),
        ("dockerd --config-file=/a.json", "/a.json"),
    ],
)
def test_config_file(command: str, path: str) -> None:
    assert _daemon_process.config_file(command) == path


def test_what_waits_for_the_next_start(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert _daemon_process.pending("42:777", {"mtu": 2}, root) == {}
    _daemon_process.remember("42:777", {"mtu": 1, "ipv6": None}, root)
    assert _daemon_process.pending("42:777", {"mtu": 2, "ipv6": True}, root) == {"mtu": 1, "ipv6": None}
    # Changed back by hand: nothing waits for it.
    assert _daemon_process.pending("42:777", {"mtu": 1, "ipv6": True}, root) == {"ipv6": None}
    # Another daemon runs: it has read the file.
    assert _daemon_process.pending("43:778", {"mtu": 2}, root) == {}
    assert _daemon_process.pending(None, {"mtu": 2}, root) == {}
    put(tmp_path, _daemon_process.PENDING_FILE.lstrip("/"), "nonsense")
    assert _daemon_process.pending("42:777", {"mtu": 2}, root) == {}
