from __future__ import annotations

import time

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._steady_time import steady_time


@pytest.mark.parametrize("hours", [2, -3])
def test_a_clock_that_is_set_changes_nothing(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = steady_time()
    assert abs(before - time.time()) < 5
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + hours * 3600)
    assert 0 <= steady_time() - before < 5
