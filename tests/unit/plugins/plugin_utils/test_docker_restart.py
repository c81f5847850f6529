from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_restart import restart
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import bare, official

IDLE = official()
SERVING = official(running_containers=2)
SAFE = official(running_containers=2, live_restore=True)


@pytest.mark.parametrize(
    ("host", "keys", "allowed", "restarts", "pending"),
    [
        (IDLE, [], False, False, False),
        (IDLE, ["log-opts"], False, True, False),
        (IDLE, ["data-root"], False, True, False),
        (SERVING, [], False, False, False),
        (SERVING, ["log-opts"], False, False, True),
        (SERVING, ["log-opts"], True, True, False),
        (SAFE, ["log-opts", "default-ulimits"], False, True, False),
        # What live-restore does not bear, or might not.
        (SAFE, ["bip"], False, False, True),
        (SAFE, ["log-opts", "storage-driver"], False, False, True),
        (SAFE, ["an-option-of-tomorrow"], False, False, True),
        (SAFE, ["bip"], True, True, False),
        # Nothing runs: it is started, not restarted.
        (bare(), ["log-opts"], False, False, False),
    ],
)
def test_restart(host: dict[str, Any], keys: list[str], allowed: bool, restarts: bool, pending: bool) -> None:
    decision = restart(host, keys, allowed)
    assert (decision["restart"], decision["pending"]) == (restarts, pending)
    assert decision["settings"] == (sorted(keys) if pending else [])
    assert bool(decision["reason"]) is pending


def test_the_reason() -> None:
    assert "2 containers run and live-restore was off" in restart(SERVING, ["log-opts"], False)["reason"]
    assert "does not bear a change of bip" in restart(SAFE, ["bip", "log-opts"], False)["reason"]
