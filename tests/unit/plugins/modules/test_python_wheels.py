from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _wheel_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, Target, WheelError
from ansible_collections.gpt_oss.fleet.plugins.modules import python_wheels


class Index:
    """Stands in for pip and its index: has pure wheels of all packages but of those that are named."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
        self.missing = missing
        self.asked: list[str] = []
        monkeypatch.setattr(_wheel_folder, "download", self)

    def __call__(self, _python: str, pins: list[Pinned], target: Target, folder: Path, _index: str, _run: Any) -> None:
        for pinned in pins:
            self.asked.append(f"{pinned} {target.python}")
            if pinned.name in self.missing:
                raise WheelError("ERROR: No matching distribution found for it")
            (folder / f"{pinned.name}-{pinned.version}-py3-none-any.whl").write_bytes(b"")


def run(capsys: pytest.CaptureFixture[str], folder: Path, check: Any = False, **parameters: Any) -> dict[str, Any]:
    given = {"path": str(folder), "_ansible_check_mode": check, "pythons": ["3.11", "3.12"], **parameters}
    with patch_module_args(given), pytest.raises(SystemExit):
        python_wheels.main()
    return dict(json.loads(capsys.readouterr().out))


def test_brought_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    index, folder = Index(monkeypatch), tmp_path / "wheels"
    wishes = {"requirements": "one==1\nold==1 ; python_version < '3.12'\n"}
    planned = run(capsys, folder, check=True, **wishes)
    assert (planned["changed"], len(planned["brought"]), folder.exists()) == (True, 3, False)
    first = run(capsys, folder, **wishes)
    assert first["brought"] == ["one==1 for CPython 3.11 on x86_64", "old==1 for CPython 3.11 on x86_64"]
    assert index.asked == ["one==1 3.11", "old==1 3.11"]
    assert not run(capsys, folder, **wishes)["changed"]
    assert len(index.asked) == 2


def test_what_nobody_wants_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Index(monkeypatch)
    run(capsys, tmp_path, requirements="one==1\n")
    (tmp_path / "notes.txt").write_text("mine")
    newer = run(capsys, tmp_path, requirements="one==2\n")
    assert (newer["changed"], newer["removed"]) == (True, ["one-1-py3-none-any.whl"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "one-2-py3-none-any.whl"]


def test_an_optional_one_that_is_missing_is_asked_for_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index(monkeypatch, "rare")
    wishes = {"requirements": "one==1\n", "optional_requirements": "rare==1\n", "pythons": ["3.12"]}
    first = run(capsys, tmp_path, **wishes)
    assert (first["changed"], first["missing_optional"]) == (True, ["rare==1 for CPython 3.12 on x86_64"])
    asked = len(index.asked)
    for check in (False, True):
        again = run(capsys, tmp_path, check, **wishes)
        assert (again["changed"], again["missing_optional"]) == (False, ["rare==1 for CPython 3.12 on x86_64"])
    assert len(index.asked) == asked


def test_a_wheel_with_another_hash_comes_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Index(monkeypatch)
    # The sha256 of nothing, which is what the stand-in brings.
    lock = "one==1 --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
    run(capsys, tmp_path, requirements=lock)
    (tmp_path / "one-1-py3-none-any.whl").write_bytes(b"spoilt")
    mended = run(capsys, tmp_path, requirements=lock, pythons=["3.12"])
    assert mended["brought"] == ["one==1 for CPython 3.12 on x86_64"]


def test_what_cannot_be_had_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Index(monkeypatch, "rare")
    failed = run(capsys, tmp_path, requirements="rare==1\n", index_url="http://mirror.example.com/simple")
    assert failed["failed"]
    assert "the package index http://mirror.example.com/simple has no fitting file for CPython 3.11" in failed["msg"]
