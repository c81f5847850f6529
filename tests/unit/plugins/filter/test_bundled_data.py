from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.bundled_data import bundled_data


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["https://a.example.com/x/gpqa.csv"], ["gpqa.csv"]),
        (["https://a.example.com/1.jsonl?raw=1#top", "http://b.example.com/2.jsonl"], ["1.jsonl", "2.jsonl"]),
        ([["https://a.example.com/1.jsonl", "/srv/one.jsonl"]], ["1.jsonl"]),
        (["/srv/gpqa.csv"], None),
        ([["/srv/1.jsonl", "https://a.example.com/1.jsonl"]], None),
        (["https://a.example.com/1.jsonl", "/srv/2.jsonl"], None),
    ],
)
def test_what_a_bundle_brings(files: list[Any], names: list[str] | None) -> None:
    assert bundled_data({"task": files}) == ({} if names is None else {"task": names})
