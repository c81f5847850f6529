from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._plan import plan

ALWAYS = "unless-stopped"
# state, status, drifted, policy, waits -> actions
CASES: list[tuple[str, str | None, bool, str, bool, list[str]]] = [
    ("started", None, False, "no", True, ["create", "start", "set_restart_policy"]),
    ("started", None, False, "no", False, ["create", "start"]),
    ("started", "running", False, ALWAYS, True, []),
    ("started", "running", False, ALWAYS, False, []),
    ("started", "running", False, "no", False, []),
    ("started", "running", False, "no", True, ["set_restart_policy"]),
    ("started", "running", False, "always", False, ["set_restart_policy"]),
    ("started", "running", True, ALWAYS, True, ["create", "stop", "remove", "start", "set_restart_policy"]),
    ("started", "exited", True, ALWAYS, False, ["create", "remove", "start"]),
    ("started", "exited", False, ALWAYS, True, ["start", "set_restart_policy"]),
    ("started", "created", False, "no", False, ["start"]),
    ("started", "paused", False, ALWAYS, True, ["stop", "start", "set_restart_policy"]),
    ("started", "restarting", False, ALWAYS, True, ["stop", "start", "set_restart_policy"]),
    ("started", "dead", False, ALWAYS, True, ["create", "remove", "start", "set_restart_policy"]),
    ("restarted", None, False, "no", True, ["create", "start", "set_restart_policy"]),
    ("restarted", "running", False, ALWAYS, True, ["stop", "start", "set_restart_policy"]),
    ("restarted", "running", True, ALWAYS, True, ["create", "stop", "remove", "start", "set_restart_policy"]),
    ("restarted", "exited", False, ALWAYS, False, ["start"]),
    ("present", None, False, "no", True, ["create"]),
    ("present", "running", False, ALWAYS, True, []),
    ("present", "exited", False, "no", True, []),
    ("present", "exited", False, "always", True, ["set_restart_policy"]),
    ("present", "exited", True, ALWAYS, True, ["create", "remove"]),
    ("present", "running", True, ALWAYS, True, ["create", "stop", "remove"]),
    ("stopped", None, False, "no", True, []),
    ("stopped", "running", False, ALWAYS, True, ["stop"]),
    ("stopped", "exited", False, ALWAYS, True, []),
    ("absent", None, False, "no", True, []),
    ("absent", "running", False, ALWAYS, True, ["stop", "remove"]),
    ("absent", "created", False, ALWAYS, True, ["remove"]),
]


@pytest.mark.parametrize(("state", "status", "drifted", "policy", "waits", "actions"), CASES)
def test_plan(state: str, status: str | None, drifted: bool, policy: str, waits: bool, actions: list[str]) -> None:
    assert plan(state, status, drifted, policy, ALWAYS, waits).actions == actions


def test_a_wanted_policy_of_no_is_never_set_after_a_start() -> None:
    assert plan("started", None, False, "no", "no", True).actions == ["create", "start"]
    assert plan("started", "running", False, ALWAYS, "no", False).actions == ["set_restart_policy"]


@pytest.mark.parametrize(
    ("status", "drifted", "actions"),
    [
        ("exited", False, ["set_restart_policy"]),
        ("running", False, ["set_restart_policy"]),
        ("exited", True, ["create", "remove", "start", "set_restart_policy"]),
        (None, False, ["create", "start", "set_restart_policy"]),
    ],
)
def test_what_may_not_be_started_is_only_waited_for(status: str | None, drifted: bool, actions: list[str]) -> None:
    assert plan("started", status, drifted, "no", ALWAYS, True, may_start=False).actions == actions
