from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Outcome
from ansible_collections.gpt_oss.fleet.plugins.modules.hf_model import (
    ARGUMENT_SPEC,
    diff_of,
    read_token,
    result_of,
    size_of,
    wish_of,
)


@pytest.mark.parametrize(
    ("content", "token"),
    [(b"hf_abc", "hf_abc"), (b" hf_abc\r\n\n", "hf_abc"), (b"hf_a+/=.~", "hf_a+/=.~")],
)
def test_tokens(tmp_path: Path, content: bytes, token: str) -> None:
    (tmp_path / "token").write_bytes(content)
    assert read_token(str(tmp_path / "token")) == token
    assert read_token(None) is read_token("") is None


@pytest.mark.parametrize("content", [b"", b" \n", b"hf_a hf_b", b"hf_a\nhf_b", "hf_ä".encode(), b"\xff", b"hf_\x00"])
def test_what_is_no_token(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(CacheError, match="expected a Hub token") as caught:
        read_token(str(path))
    assert "hf_" not in str(caught.value).replace(str(path), "")


@pytest.mark.parametrize(("text", "size"), [("40G", 40 << 30), ("1.5M", 1572864), (1000, 1000), ("0", 0)])
def test_sizes(text: Any, size: int) -> None:
    assert size_of("/x", text) == size


def test_what_is_no_size() -> None:
    with pytest.raises(CacheError, match="reserve, /x: expected a size such as 40G, found 'much'"):
        size_of("reserve, /x", "much")


def params(**given: Any) -> dict[str, Any]:
    return {**{name: about.get("default") for name, about in ARGUMENT_SPEC.items()}, "cache_dir": "/c", **given}


def test_wishes() -> None:
    wish = wish_of(params(repo_id="a/b", stall_timeout=2.0, workers=0, reserve={"/d": "1K"}, state="verified"))
    assert (wish.access.timeout, wish.patience.stall_seconds, wish.patience.workers) == (2.0, 2.0, 1)
    assert (wish.reread, wish.reserve, wish.ignore_patterns) == (True, {"/d": 1024}, ["original/*", "metal/*"])
    assert wish_of(params(repo_id="a/b")).access.timeout == 30.0


@pytest.mark.parametrize("state", ["present", "verified", "absent"])
def test_diffs(state: str) -> None:
    outcome = Outcome("c", "/c/snapshots/c", ("a", "b"), 12_345, changed=True)
    text = "/c/snapshots/c\n  a\n  b\n12,345 bytes\n"
    before, after = (text, "") if state == "absent" else ("", text)
    assert diff_of(outcome, state) == {"before": before, "after": after}
    assert diff_of(Outcome("c", "/c"), state) == {"before": "", "after": ""}


def test_results_have_the_same_keys_whatever_came_of_it() -> None:
    some = result_of(params(repo_id="a/b"), Outcome("c", "/p", ("a",), 1, True, True, 1, {"a": "x"}, {"hub": 1}), 1.26)
    none = result_of(params(repo_id="a/b"), Outcome("c", "/p"), 0.0)
    assert set(some) == set(none)
    assert (some["seconds"], some["model"]["verified"], some["origins"]) == (1.3, True, {"hub": 1})
