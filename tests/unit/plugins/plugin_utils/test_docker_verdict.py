from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_verdict import unmet
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.docker_hosts import (
    DEFAULTS,
    bare,
    distributed,
    official,
    wishes,
)

GOOD = official(written=DEFAULTS, live_restore=True)


@pytest.mark.parametrize(
    ("host", "changes", "pending", "said"),
    [
        (GOOD, {}, [], []),
        (GOOD, {"source": "official", "version": "28.2"}, [], []),
        (bare(), {}, [], ["found none: there is no Docker Engine"]),
        (GOOD, {"version": "28.3"}, [], ["wanted engine 28.3, found 28.2.2", "still to be done: install"]),
        (official(written=DEFAULTS), {}, [], ["wanted live-restore True in force, found False"]),
        (official(written=DEFAULTS), {}, ["live-restore"], []),
        (GOOD, {"settings": {"log-driver": "journald"}}, [], ["wanted log-driver 'journald' in force"]),
        (GOOD, {"settings": {"runtimes": {"nvidia": {"path": "x"}}}}, [], ["the runtimes nvidia registered"]),
        (
            {**GOOD, "docker": {**GOOD["docker"], "version": "28.1.0"}},
            {},
            [],
            ["28.2.2 to run, found that 28.1.0 still"],
        ),
        (GOOD, {"containerd_root": "/c"}, [], ["wanted containerd's root /c"]),
        (distributed(written=DEFAULTS, live_restore=True), {"source": "official"}, [], ["still to be done: install"]),
    ],
)
def test_unmet(host: dict[str, Any], changes: dict[str, Any], pending: list[str], said: list[str]) -> None:
    found = unmet(host, wishes(**changes), pending)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found))
