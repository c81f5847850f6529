# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and files whose transfer breaks off, stalls, or brings something else; by plain HTTP and by Xet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Seen
from hub_harness import COMMIT, FILES, REPO, Hub, bring, ended, module_process, refused, whole

BIG = "model.safetensors"
WEIGHTS = {**FILES, BIG: bytes(range(256)) * 4000}
SIZE = len(WEIGHTS[BIG])
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with a model of a megabyte."""
    with Hub() as hub:
        hub.add(REPO).commit(WEIGHTS, commit=COMMIT)
        yield hub


@pytest.fixture
def xet_hub() -> Iterator[Hub]:
    """A Hub whose large files are in the Xet store too."""
    with Hub() as hub:
        hub.add(REPO, xet=True).commit(WEIGHTS, commit=COMMIT)
        yield hub


def starts(hub: Hub) -> list[int]:
    """Return where each answer with bytes of the large file began."""
    return [record.start for record in hub.books.requests(file=BIG, phase="content") if record.is_content]


@pytest.mark.parametrize("fault", ["reset", "short"])
@pytest.mark.fault(
    kind="reset network",
    stage="models",
    fault="the connection is reset, or ends early, three times in one file",
    sees="verified; asked for from the bytes [0, 200000, 350000, 650000]",
    kept="each byte that arrived",
    next_run="nothing: the same run ended well",
)
def test_a_file_goes_on_where_it_broke_off(hub: Hub, tmp_path: Path, fault: str, seen: Seen) -> None:
    for after in (200_000, 150_000, 300_000):
        hub.fault(fault, path=BIG, after=after, first=1)
    whole(bring(hub, tmp_path), WEIGHTS)
    assert starts(hub) == [0, 200_000, 350_000, 650_000]
    seen(f"verified; asked for from the bytes {starts(hub)}")
    assert hub.books.repeated() == {}


@pytest.mark.parametrize("fault", ["reset", "short"])
@pytest.mark.parametrize("after", [0, 1, 1000])
def test_a_file_that_gains_next_to_nothing_is_given_up(hub: Hub, tmp_path: Path, fault: str, after: int) -> None:
    hub.fault(fault, path=BIG, after=after)
    result = bring(hub, tmp_path)
    refused(result, tmp_path, f"{BIG} of {REPO} at {COMMIT} could not be fetched", "check network", "after 3 attempts")
    hub.faults.clear()
    whole(bring(hub, tmp_path), WEIGHTS)
    assert hub.books.repeated() == {}, "even so nothing is lost"


def test_a_file_that_gains_enough_each_time_is_not_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.fault("reset", path=BIG, after=100_000)
    whole(bring(hub, tmp_path, retries=1), WEIGHTS)
    assert len(starts(hub)) == 11 and hub.books.repeated() == {}


def test_wrong_bytes_once_are_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.fault("wrong_bytes", path=BIG, first=1)
    whole(bring(hub, tmp_path), WEIGHTS)
    assert starts(hub) == [0, 0]


def test_wrong_bytes_before_a_break_are_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.fault("wrong_bytes", path=BIG, at=10, first=1)
    hub.fault("reset", path=BIG, first=1)
    whole(bring(hub, tmp_path), WEIGHTS)
    assert starts(hub) == [0, SIZE // 2, 0]


@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="something on the way changes a byte of a file, each time",
    sees=("arrived wrong: expected sha256 … found sha256 … something between the Hub and this host changes it"),
    kept="the cache never has the file",
    next_run="fetches it from its beginning",
)
def test_wrong_bytes_always(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.fault("wrong_bytes", path=BIG)
    text = refused(bring(hub, tmp_path, retries=9), tmp_path, f"{BIG} arrived wrong: expected sha256", ", found sha256")
    assert "something between the Hub and this host changes it" in text
    assert starts(hub) == [0, 0, 0], "a file of gigabytes is not fetched for ever"
    blobs = [path for path in tmp_path.rglob("blobs/*") if path.stat().st_size == SIZE]
    assert blobs == [], "the cache never had it"
    seen(text)


def test_a_wrong_small_file(hub: Hub, tmp_path: Path) -> None:
    hub.fault("wrong_bytes", path="config.json")
    refused(bring(hub, tmp_path), tmp_path, "config.json arrived wrong: expected git_sha1")


def test_a_body_that_is_cut_and_says_so_itself(hub: Hub, tmp_path: Path) -> None:
    hub.fault("truncated", path=BIG, first=1)
    whole(bring(hub, tmp_path), WEIGHTS)
    hub.fault("truncated", path=BIG)
    words = (f"expected {SIZE:,} bytes", f"found {SIZE // 2:,} bytes", "such as a proxy")
    refused(bring(hub, tmp_path / "other", retries=1), tmp_path / "other", *words)


def test_a_stall_is_broken_off_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.fault("stall", path=BIG, after=400_000, first=1)
    began = time.monotonic()
    whole(bring(hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert starts(hub) == [0, 400_000] and hub.books.repeated() == {}
    assert 2 <= time.monotonic() - began < 15


def test_a_line_on_which_all_stalls(hub: Hub, tmp_path: Path) -> None:
    hub.fault("stall", path=BIG, after=1000)
    refused(bring(hub, tmp_path, retries=0, stall_timeout=2), tmp_path, BIG, f"{SIZE:,}", "stall")


@pytest.mark.fault(
    kind="slow network",
    stage="models",
    fault="a file trickles with less than stall_timeout allows",
    sees="model.safetensors stalled: … check the network to the Hub, or raise stall_timeout",
    kept="what has arrived",
    next_run="goes on at that byte",
)
def test_a_trickle_is_a_stall(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.fault("slow", path=BIG, rate=10_000, first=1)
    whole(bring(hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert len(starts(hub)) == 2 and hub.books.repeated().get(BIG, 0) < 10_000
    hub.fault("slow", path=BIG, rate=10_000)
    words = (f"{BIG} stalled: ", "check the network to the Hub, or raise stall_timeout")
    seen(refused(bring(hub, tmp_path / "other", retries=0, stall_timeout=2), tmp_path / "other", *words))


def test_slow_is_not_stalled(hub: Hub, tmp_path: Path) -> None:
    hub.fault("slow", path=BIG, rate=200_000)
    began = time.monotonic()
    whole(bring(hub, tmp_path, retries=0, stall_timeout=3), WEIGHTS)
    assert starts(hub) == [0] and time.monotonic() - began > 4


def test_all_files_may_take_so_long(hub: Hub, tmp_path: Path) -> None:
    hub.fault("slow", path=BIG, rate=100_000)
    refused(bring(hub, tmp_path, timeout=2), tmp_path, "not all files came within 2 s", BIG, "raise timeout")
    assert not [r for r in hub.books.requests(file=BIG) if r.number > 10]


def test_a_server_that_knows_no_ranges(hub: Hub, tmp_path: Path) -> None:
    hub.fault("reset", path=BIG, after=500_000, first=1)
    hub.fault("ignore_range", path=BIG)
    whole(bring(hub, tmp_path), WEIGHTS)
    assert starts(hub) == [0, 0]


@pytest.mark.parametrize(
    "settings", [{"gzip": True}, {"resolve_cache": False}, {"redirect_status": 307}], ids=["gzip", "direct", "307"]
)
def test_other_ways_that_hubs_have(hub: Hub, tmp_path: Path, settings: dict[str, object]) -> None:
    hub.set(**settings)
    hub.fault("reset", path=BIG, first=1)
    whole(bring(hub, tmp_path), WEIGHTS)


def test_an_empty_file_and_one_content_under_two_names(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "empty.txt": b"", "a.bin": b"same" * 1000, "sub/b.bin": b"same" * 1000}
    with Hub() as hub:
        hub.add(REPO).commit(files, commit=COMMIT)
        result = bring(hub, tmp_path)
        whole(result, files)
        assert (result["bytes"], len(hub.books.downloads())) == (4002, 3)


def test_the_next_run_goes_on_where_one_gave_up(hub: Hub, tmp_path: Path) -> None:
    hub.fault("reset", path=BIG, after=700_000, first=1)
    hub.fault("status", path=BIG, phase="resolve", skip=1, first=1)
    foreseen = bring(hub, tmp_path, check_mode=True)
    refused(bring(hub, tmp_path, retries=0), tmp_path)
    hub.books.clear()
    result = bring(hub, tmp_path, revision=COMMIT)
    whole(result, WEIGHTS)
    assert starts(hub) == [700_000]
    assert hub.books.requests(phase="api") == [], "nor is the list asked for again"
    assert foreseen["bytes"] == SIZE + 2


# --- from the Xet store


def test_xet_brings_large_files(xet_hub: Hub, tmp_path: Path) -> None:
    whole(bring(xet_hub, tmp_path), WEIGHTS)
    assert starts(xet_hub) == [] and xet_hub.books.content()[BIG] >= SIZE


def test_xet_goes_on_where_plain_http_broke_off(xet_hub: Hub, tmp_path: Path) -> None:
    environment = {"HF_HUB_DISABLE_XET": "1"}
    xet_hub.fault("reset", path=BIG, after=600_000)
    result = ended(module_process(tmp_path, environment, endpoint=xet_hub.endpoint, retries=0))
    assert result["failed"] and starts(xet_hub) == [0]
    assert xet_hub.books.requests(origin="cas") == [], "the environment forbade it"
    whole(bring(xet_hub, tmp_path), WEIGHTS)
    asked = xet_hub.books.requests(origin="cas", path="/v?/reconstructions/*")
    assert {record.range for record in asked} == {f"bytes=600000-{SIZE - 1}"}
    assert starts(xet_hub) == [0]


def test_a_xet_store_that_never_answers_is_done_without(xet_hub: Hub, tmp_path: Path) -> None:
    xet_hub.fault("hang", phase="cas")
    began = time.monotonic()
    whole(bring(xet_hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert starts(xet_hub) == [0] and time.monotonic() - began < 15
    assert len({record.path for record in xet_hub.books.requests(origin="cas")}) == 1, "one attempt was enough"


@pytest.mark.parametrize("fault", ["stall", "reset", "status", "drop", "hang"])
def test_a_xet_store_that_fails_in_the_middle_is_done_without(xet_hub: Hub, tmp_path: Path, fault: str) -> None:
    xet_hub.fault(fault, phase="xorb")
    whole(bring(xet_hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert starts(xet_hub) == [0]


def test_a_xet_store_that_cannot_be_reached_is_done_without(xet_hub: Hub, tmp_path: Path) -> None:
    xet_hub.down("cas")
    whole(bring(xet_hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert starts(xet_hub) == [0]


def test_neither_way_is_open(xet_hub: Hub, tmp_path: Path) -> None:
    xet_hub.down("cas", "cdn")
    refused(bring(xet_hub, tmp_path, retries=1), tmp_path, f"{BIG} of {REPO}", "could not be fetched", "check network")


@pytest.mark.parametrize("fault", ["unauthorized", "no_repository", "hang", "portal"])
def test_no_token_for_the_xet_store_is_done_without(xet_hub: Hub, tmp_path: Path, fault: str) -> None:
    xet_hub.fault(fault, phase="token")
    whole(bring(xet_hub, tmp_path, stall_timeout=2), WEIGHTS)
    assert starts(xet_hub) == [0]


def test_wrong_bytes_by_xet_are_fetched_anew_without_it(xet_hub: Hub, tmp_path: Path) -> None:
    xet_hub.fault("wrong_bytes", phase="xorb")
    whole(bring(xet_hub, tmp_path), WEIGHTS)
    assert starts(xet_hub) == [0]


def test_xet_goes_on_where_xet_broke_off(xet_hub: Hub, tmp_path: Path) -> None:
    files = {**FILES, BIG: bytes(range(256)) * 300_000}
    xet_hub.repository(REPO).commit(files, commit=COMMIT)
    # Two xorbs of 32 MB, and a third that never comes.
    xet_hub.fault("hang", phase="xorb", path="/xorbs/*/2")
    refused(bring(xet_hub, tmp_path, retries=0, stall_timeout=5), tmp_path)
    part = next(tmp_path.rglob("*.part")).stat().st_size
    assert part == 64 << 20
    xet_hub.faults.clear()
    xet_hub.books.clear()
    whole(bring(xet_hub, tmp_path), files)
    assert xet_hub.books.content()[BIG] < (32 << 20) and starts(xet_hub) == []
