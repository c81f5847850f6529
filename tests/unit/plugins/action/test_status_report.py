from __future__ import annotations

from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.action import status_report as action

HOSTVARS: dict[str, Any] = {
    "one": {"gpt_oss_liveness": ({"name": "s", "wrong": False, "kv": 0.5},), "gpt_oss_liveness_problem": ""},
    "two": {"gpt_oss_liveness_problem": "it failed"},
}


def test_a_hosts_facts_in_plain_types() -> None:
    assert action._host(HOSTVARS, "one") == {"servers": [{"name": "s", "wrong": False, "kv": 0.5}], "problem": ""}
    assert action._host(HOSTVARS, "two") == {"servers": None, "problem": "it failed"}
    assert action._host(HOSTVARS, "not in the inventory") == {"servers": None, "problem": ""}
