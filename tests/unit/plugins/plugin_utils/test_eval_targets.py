from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._eval_targets import eval_targets

SERVERS: list[dict[str, Any]] = [{"name": "big", "replicas": 2}, {"name": "one-7"}]
ENTRIES: list[dict[str, Any]] = [
    {"name": "big-0", "port": 8000, "model": "m"},
    {"name": "big-1", "port": 8001, "model": "m"},
    {"name": "one-7", "port": 9000, "bind_address": "::", "model": "n"},
]


@pytest.mark.parametrize(
    ("together", "names", "replicas"),
    [
        (False, ["big-0", "big-1", "one-7"], [[], [], []]),
        (True, ["big", "one-7"], [[{"base_url": "http://127.0.0.1:8001/v1", "container": "big-1"}], []]),
    ],
)
def test_replicas_are_scored_each_or_together(together: bool, names: list[str], replicas: list[Any]) -> None:
    found = eval_targets(ENTRIES, SERVERS, together, True)
    assert [each["name"] for each in found] == names
    assert [each["replicas"] for each in found] == replicas
    assert (found[0]["container"], found[0]["base_url"], found[0]["model"]) == (
        "big-0",
        "http://127.0.0.1:8000/v1",
        "m",
    )


@pytest.mark.parametrize(
    ("bind_address", "url"),
    [
        (None, "http://127.0.0.1:1/v1"),
        ("0.0.0.0", "http://127.0.0.1:1/v1"),
        ("10.0.0.7", "http://10.0.0.7:1/v1"),
        ("fd00::7", "http://[fd00::7]:1/v1"),
    ],
)
def test_where_a_host_reaches_its_own_server(bind_address: str | None, url: str) -> None:
    entry = {"name": "a", "port": 1, "bind_address": bind_address}
    (found,) = eval_targets([entry], [], False, False)
    assert (found["base_url"], "container" in found) == (url, False)
