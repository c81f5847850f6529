from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _docker_state
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import bare, distributed, official


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("5:28.2.2-1~debian.12~bookworm", "28.2.2"),
        ("5:29.0.0~rc.1-1~ubuntu.24.04~noble", "29.0.0"),
        ("20.10.24+dfsg1-1+deb12u1+b4", "20.10.24"),
        ("26.1.5+dfsg1-9+b1", "26.1.5"),
        ("3:28.2.2-1.el9", "28.2.2"),
        ("28.2.2-0ubuntu1~24.04.1", "28.2.2"),
        ("v28.2.2", "28.2.2"),
        ("", ""),
        ("dev", ""),
    ],
)
def test_upstream(version: str, upstream: str) -> None:
    assert _docker_state.upstream(version) == upstream


@pytest.mark.parametrize(
    ("version", "pin", "does"),
    [
        ("28.2.2", "28.2.2", True),
        ("28.2.2", "28.2", True),
        ("28.2.2", "28", True),
        ("28.2.2", "", True),
        ("28.20.1", "28.2", False),
        ("5:28.2.2-1~debian.12", "28.2.2", True),
        ("", "28", False),
        ("", "", True),
    ],
)
def test_satisfies(version: str, pin: str, does: bool) -> None:
    assert _docker_state.satisfies(version, pin) is does


@pytest.mark.parametrize(
    ("version", "floor", "is_it"),
    [("20.10.24", "20.10", True), ("20.10", "20.10.1", False), ("9.0", "20.10", False), ("", "20.10", False)],
)
def test_is_at_least(version: str, floor: str, is_it: bool) -> None:
    assert _docker_state.is_at_least(version, floor) is is_it


@pytest.mark.parametrize(
    ("host", "due"),
    [
        (bare(), False),
        ({**bare(), "daemon_json": {"settings": {"live-restore": True}}}, False),
        (official(), False),
        (official(written={"live-restore": True}), True),
        (official(written={"live-restore": True}, live_restore=True), False),
        (official(written={"default-runtime": "nvidia"}), True),
        (official(written={"runtimes": {"nvidia": "nvidia-container-runtime"}}), True),
        (official(written={"runtimes": {"nvidia": "x"}}, runtimes=["nvidia", "runc"]), False),
        # What needs a restart is none of its business.
        (official(written={"log-driver": "journald"}), False),
    ],
)
def test_is_reload_due(host: dict[str, Any], due: bool) -> None:
    assert _docker_state.is_reload_due(host) is due


@pytest.mark.parametrize(
    ("host", "origin", "version", "running"),
    [
        (bare(), "", "", False),
        (official(), "official", "28.2.2", True),
        (official("rocky9"), "official", "28.2.2", True),
        (distributed(), "distribution", "20.10.24", True),
        ({**distributed(), "docker": None}, "distribution", "20.10.24", False),
        ({**official(), "packages": {}}, "unknown", "28.2.2", True),
        ({**bare(), "docker_binary": "/opt/dockerd"}, "unknown", "", False),
    ],
)
def test_engine_of(host: dict[str, Any], origin: str, version: str, running: bool) -> None:
    engine = _docker_state.engine_of(host)
    assert (engine.origin, engine.version, engine.running) == (origin, version, running)
