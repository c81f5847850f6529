from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._detach import DetachError, detach


def breaks(ready: Callable[[], None]) -> None:
    raise OSError(28, "No space left on device", "/somewhere/status.new")


@pytest.mark.parametrize("log", ["job.log", "missing/job.log"])
def test_why_it_ended_at_once_is_told_even_where_the_log_is_not(log: str, tmp_path: Path) -> None:
    with pytest.raises(DetachError, match="ended at once: .*(No space left on device|No such file)"):
        detach(breaks, tmp_path / log, [])
