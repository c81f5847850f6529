from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _sums
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sums import SumsError

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (f"{A}  one\n{B} *two/three\n", {"one": A, "two/three": B}),
        (f"{A}  ./one\n", {"one": A}),
        (f"{A}  with blanks in it\n", {"with blanks in it": A}),
    ],
)
def test_parse(text: str, expected: dict[str, str]) -> None:
    assert _sums.parse(text) == expected


@pytest.mark.parametrize(
    "line",
    [f"{A} one", f"{A[:-1]}  one", f"{A}  ../one", f"{A}  /etc/passwd", f"{A}  a//b", f"\\{A}  a\\nb", "", "<html>"],
)
def test_a_damaged_list(line: str) -> None:
    with pytest.raises(SumsError, match="line 2: wanted a sha256.*found.*copy it again"):
        _sums.parse(f"{A}  fine\n{line}\n{B}  more\n", "here")


def test_render_is_what_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("two")
    (tmp_path / "a").write_text("one")
    listed = subprocess.run(["sha256sum", "a", "b"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert _sums.render(dict(reversed(_sums.parse(listed).items()))) == listed


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "../a", ""])
def test_render_refuses(name: str) -> None:
    with pytest.raises(SumsError, match="rename it"):
        _sums.render({name: A})
