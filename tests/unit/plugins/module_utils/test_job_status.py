from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _job_status


def test_whether_a_job_runs_is_found_where_nothing_may_be_written(tmp_path: Path) -> None:
    assert not _job_status.is_running(tmp_path)
    assert list(tmp_path.iterdir()) == [], "a look makes nothing"
    lock = _job_status.RunLock.acquire(tmp_path)
    assert lock is not None
    (tmp_path / "lock").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert _job_status.is_running(tmp_path)
        lock.release()
        assert not _job_status.is_running(tmp_path)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EROFS, False)])
def test_the_end_is_told_on_a_full_disk(
    number: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _job_status.write_status(tmp_path, {"state": "running", "progress": "x" * 100})

    def full(path: Path, *_unused: Any, **_options: Any) -> int:
        raise OSError(number, "no", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        if told:
            _job_status.write_status(tmp_path, {"state": "failed"})
        else:
            with pytest.raises(OSError, match="no"):
                _job_status.write_status(tmp_path, {"state": "failed"})
    assert _job_status.read_status(tmp_path)["state"] == ("failed" if told else "running")
