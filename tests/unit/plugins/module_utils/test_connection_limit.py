from __future__ import annotations

import resource

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _connection_limit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._connection_limit import allow_connections

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "wanted", "allowed", "set_to"),
    [
        ((1024, 4096), 128, 128, None),
        ((1024, 4096), 1584, 1584, 1648),
        ((1024, NONE), 1584, 1584, 1648),
        ((1024, 1024), 1584, 960, 1024),
        ((NONE, NONE), 5000, 5000, None),
        ((32, 32), 128, 1, 32),
    ],
)
def test_as_many_connections_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], wanted: int, allowed: int, set_to: int | None
) -> None:
    found: list[int] = []
    monkeypatch.setattr(_connection_limit.resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(_connection_limit.resource, "setrlimit", lambda _kind, pair: found.append(pair[0]))
    assert allow_connections(wanted) == allowed
    assert found == ([] if set_to is None else [set_to])
