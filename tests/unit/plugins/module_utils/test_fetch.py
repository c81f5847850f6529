from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _fetch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fetch import Fetch, File, Patience, pause, staging_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import SHA256, Listed

Work = Callable[[File], Callable[[], Any]]
DIGEST = "6cb7a2e0f5e3f6cbcf2a5c1c0ea80d0f8a0d2a7a7b6f9be6e2a0a9b0a6c7d8e9"


@pytest.mark.parametrize(
    ("failures", "wait", "least", "most"),
    [(1, None, 1, 1.25), (2, None, 2, 2.5), (4, None, 8, 10), (20, None, 60, 75), (3, 0.0, 0, 0), (1, 299, 299, 299)],
)
def test_pauses(failures: int, wait: float | None, least: float, most: float) -> None:
    assert least <= pause(failures, wait, "trouble") <= most


def test_a_wait_of_hours_is_refused() -> None:
    with pytest.raises(CacheError, match=r"^it is busy; it asks to come back in 3,600 s, which is more than"):
        pause(1, 3600, "it is busy")


def listed(content: bytes) -> Listed:
    return Listed(len(content), SHA256, digest_of(content))


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_staging_keeps_what_is_wanted_and_each_content_once(tmp_path: Path) -> None:
    one, two = listed(b"one"), listed(b"two")
    folder = tmp_path / "incoming"
    folder.mkdir()
    for name in (one.digest, f"{two.digest}.part", "f" * 64, "e" * 64 + ".part", ".gone"):
        (folder / name).write_bytes(b"x")
    (folder / "library.xet/logs").mkdir(parents=True)
    files = staging_of(folder, {"a": one, "b": two, "sub/c": one})
    assert sorted(path.name for path in folder.iterdir()) == sorted([one.digest, f"{two.digest}.part"])
    assert sorted((file.name, file.staged.name) for file in files) == [("b", two.digest), ("sub/c", one.digest)]


def test_what_has_arrived(tmp_path: Path) -> None:
    file = File("a", Listed(10, SHA256, DIGEST), tmp_path / DIGEST)
    assert file.arrived() == 0
    (tmp_path / f"{DIGEST}.part").write_bytes(b"x" * 4)
    assert file.arrived() == 4
    (tmp_path / f"{DIGEST}.part").write_bytes(b"x" * 40)
    assert file.arrived() == 10, "more than all there is has not arrived"
    (tmp_path / f"{DIGEST}.part").rename(tmp_path / DIGEST)
    assert file.arrived() == 10


def fetched(tmp_path: Path, content: bytes, begin: Work, **patience: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Fetch one file by a work of the test's, with short pauses; returns what was kept, and what was reported."""
    kept: list[str] = []
    reports: list[dict[str, Any]] = []
    files = staging_of(tmp_path, {"a": listed(content)})
    limits = Patience(**{"retries": 2, "stall_seconds": 0.3, "stall_bytes": 4, **patience})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fetch, "FIRST_PAUSE", 0.01)
        Fetch(files, begin, lambda file, read: kept.append(f"{file.name} {read.size}"), reports.append, limits).run()
    return kept, reports


def answers(*contents: bytes | dict[str, Any] | float) -> Work:
    """Return a work that does another thing each time: appends bytes to the part, refuses, or sleeps."""
    left = list(contents)

    def begin(file: File) -> Callable[[], Any]:
        now = left.pop(0) if len(left) > 1 else left[0]
        part = file.staged.with_name(file.staged.name + ".part")

        def work() -> Any:
            if isinstance(now, dict):
                return now
            if isinstance(now, float):
                time.sleep(now)
                return {}
            with part.open("ab") as out:
                out.write(now)
            if part.stat().st_size < file.listed.size:
                return {"refusal": {"text": "broke off", "final": False, "wait": None}}
            part.rename(file.staged)
            return {"digests": digests(file.staged).__dict__}

        return work

    return begin


def test_a_file_in_pieces(tmp_path: Path) -> None:
    kept, reports = fetched(tmp_path, b"0123456789abcdef", answers(b"0123", b"4567", b"89ab", b"cdef"), retries=1)
    assert kept == ["a 16"]
    assert (reports[-1]["bytes_done"], reports[-1]["files_done"], reports[-1]["trouble"]) == (16, 1, "")
    assert "broke off" in {report["trouble"] for report in reports}


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (answers(b""), r"broke off \(after 3 attempts\)"),
        (answers(b"1"), r"broke off \(after 3 attempts\)"),
        (answers({"refusal": {"text": "no", "final": True, "wait": None}}), "^no$"),
        (answers({"refusal": {"text": "later", "final": False, "wait": 900.0}}), "later; it asks to come back in 900"),
        (answers({"broke": "Traceback\nValueError: x"}), r"the process that fetched a ended ValueError: x \(after 3"),
        (answers({}), "ended without a word"),
        (answers(60.0), r"a stalled: 0 bytes in \d s, 0 of 16 there; check the network"),
        (answers(b"fedcba9876543210"), r"a arrived wrong: expected sha256 \w+, found sha256 \w+; .* \(3 times\)"),
    ],
    ids=["nothing", "next to nothing", "final", "long", "broke", "mute", "stall", "wrong"],
)
def test_a_file_that_does_not_come(tmp_path: Path, work: Work, said: str) -> None:
    with pytest.raises(CacheError, match=said):
        fetched(tmp_path, b"0123456789abcdef", work, retries=2)


def test_a_failure_beside_another_end(tmp_path: Path) -> None:
    """Both have ended by the time one is looked at; the other is not killed, as it is no more."""
    files = staging_of(tmp_path, {"a": listed(b"one"), "b": listed(b"two"), "c": listed(b"three")})

    def begin(file: File) -> Callable[[], Any]:
        def work() -> Any:
            time.sleep(0.0 if file.name == "c" else 0.1)
            return {"refusal": {"text": f"{file.name} no", "final": file.name != "c", "wait": None}}

        return work

    fetch = Fetch(files, begin, lambda file, read: None, lambda report: time.sleep(0.5))
    with pytest.raises(CacheError, match="^[ab] no$"):
        fetch.run()


def test_all_together_may_take_so_long(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"not all files came within 0.2 s; a are left: raise timeout"):
        fetched(tmp_path, b"0123456789abcdef", answers(60.0), timeout=0.2, stall_seconds=60)


def test_after_a_stall_or_a_failure_of_xet_it_is_done_without(tmp_path: Path) -> None:
    seen: list[bool] = []
    scripted = answers(60.0, {"refusal": {"text": "x", "final": False, "wait": None}, "xet": True}, b"0123456789abcdef")

    def begin(file: File) -> Callable[[], Any]:
        seen.append(file.xet)
        return scripted(file)

    fetched(tmp_path, b"0123456789abcdef", begin)
    assert seen == [True, False, False]
