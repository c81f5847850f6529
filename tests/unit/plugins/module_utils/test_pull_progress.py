from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pull_progress import PullProgress, Reporter


def line(status: str, layer: str = "", current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"status": status, "id": layer, "progressDetail": detail}


BEGIN = [
    {"status": "Pulling from vllm/vllm-openai", "id": "v0.33.0"},
    line("Pulling fs layer", "a"),
    line("Pulling fs layer", "b"),
    line("Already exists", "c"),
]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], ("ask", 0, 0, 0, 0, None)),
        (BEGIN, ("download", 0, 0, 1, 3, None)),
        ([*BEGIN, line("Downloading", "a", 10, 40)], ("download", 10, 40, 1, 3, 25.0)),
        (
            [*BEGIN, line("Downloading", "a", 40, 40), line("Downloading", "b", 0, 60)],
            ("download", 40, 100, 1, 3, 40.0),
        ),
        # The size of a layer that is packed differs from its size unpacked: extracting does not count as bytes.
        (
            [*BEGIN, line("Downloading", "a", 10, 40), line("Download complete", "a"), line("Extracting", "a", 5, 90)],
            ("download", 40, 40, 1, 3, 100.0),
        ),
        (
            [
                *BEGIN,
                line("Downloading", "a", 1, 40),
                line("Downloading", "b", 60, 60),
                line("Pull complete", "a"),
                line("Extracting", "b", 1, 80),
            ],
            ("extract", 100, 100, 2, 3, 100.0),
        ),
        ([*BEGIN, line("Pull complete", "a"), line("Pull complete", "b")], ("done", 0, 0, 3, 3, None)),
        ([line("Loading layer", "x", 5, 10)], ("load", 5, 10, 0, 1, 50.0)),
        ([line("Loading layer", "x", 10, 10), line("Loading layer", "y", 0, 10)], ("load", 10, 20, 1, 2, 50.0)),
        ([{"nothing": "known"}, {"status": "Retrying in 5 seconds", "id": "a"}], ("ask", 0, 0, 0, 0, None)),
    ],
)
def test_lines_added_up(lines: list[dict[str, Any]], wanted: tuple[Any, ...]) -> None:
    progress = PullProgress()
    for each in lines:
        progress.feed(each)
    found = progress.snapshot()
    assert tuple(found.values()) == wanted
    assert list(found) == ["phase", "bytes_done", "bytes_total", "layers_done", "layers_total", "percentage"]


def test_what_was_loaded_and_its_digest() -> None:
    progress = PullProgress()
    for said in ("Loaded image: a/b:1\n", "Loaded image ID: sha256:12\n", "Other"):
        progress.feed({"stream": said})
    progress.feed({"status": "Digest: sha256:34"})
    assert (progress.loaded, progress.digest) == (["a/b:1", "sha256:12"], "sha256:34")


def test_what_is_sent_counts_where_something_is_sent() -> None:
    progress = PullProgress(to_send=200)
    assert progress.snapshot()["phase"] == "transfer"
    told: list[dict[str, Any]] = []
    reporter = Reporter(progress, told.append)
    for _unused in range(100):
        reporter.sent(2)
    reporter.sent(50)
    assert progress.moved == 250 and told[-1]["percentage"] == 100.0
    assert len(told) == 100, "one for each percent, and not one for each piece"


def test_nobody_has_to_listen() -> None:
    Reporter(PullProgress(), None).sent(1)
