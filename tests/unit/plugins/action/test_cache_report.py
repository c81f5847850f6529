from __future__ import annotations

from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.action import cache_report as action

HOSTVARS: dict[str, Any] = {
    "one": {"gpt_oss_cache": {"revisions": ({"commit": "a"},)}, "gpt_oss_cache_pruned": {"removed": (), "done": True}},
    "two": {"gpt_oss_cache_problem": "it failed"},
}


def test_a_hosts_facts_in_plain_types() -> None:
    assert action._host(HOSTVARS, "one") == {
        "cache": {"revisions": [{"commit": "a"}]},
        "pruned": {"removed": [], "done": True},
        "problem": "",
    }
    nothing = {"cache": None, "pruned": None}
    assert action._host(HOSTVARS, "two") == {**nothing, "problem": "it failed"}
    assert action._host(HOSTVARS, "not in the inventory") == {**nothing, "problem": ""}
