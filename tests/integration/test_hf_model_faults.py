# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hf_model and a Hub that refuses, asks to wait, is not there, or answers what no Hub would."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Seen
from hub_harness import COMMIT, FILES, REPO, Hub, bring, refused, whole
from lookalike_hub import Content

BIG = "model.safetensors"
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("phase", ["api", "resolve", "content"])
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"kind": "status", "status": 503, "retry_after": 1}, 1.0),
        # A date has whole seconds.
        ({"kind": "status", "status": 503, "retry_after": 2, "as_date": True}, 1.0),
        ({"kind": "status", "status": 429, "retry_after": 1}, 1.0),
        ({"kind": "rate_limit", "seconds": 1}, 1.0),
        ({"kind": "status", "status": 500}, 0.1),
    ],
    ids=["503", "503-date", "429", "429-ratelimit", "500"],
)
@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub answers 503, 429 or 500 once, and asks to wait",
    sees="verified: True, files: 2",
    kept="what has arrived",
    next_run="nothing: the run waited as long as it was asked to, and asked again",
)
def test_what_the_hub_asks_to_wait_is_waited(
    hub: Hub, tmp_path: Path, phase: str, fault: dict[str, Any], seconds: float, seen: Seen
) -> None:
    path = {} if phase == "api" else {"path": BIG}
    hub.fault(phase=phase, first=1, **path, **fault)
    result = bring(hub, tmp_path)
    whole(result)
    seen(f"verified: {result['verified']}, files: {len(result['files'])}")
    hit = next(record for record in hub.books.requests() if record.faults)
    later = [record.time for record in hub.books.requests() if record.number > hit.number and record.file == hit.file]
    assert later and min(later) - hit.time >= seconds


def test_all_files_wait_when_the_hub_asks_one_to(hub: Hub, tmp_path: Path) -> None:
    hub.fault("status", phase="resolve", status=429, retry_after=1, first=1)
    whole(bring(hub, tmp_path, workers=1))
    hit = next(record for record in hub.books.requests() if record.faults)
    later = [record for record in hub.books.requests() if record.number > hit.number]
    assert {record.file for record in later} == {"config.json", BIG}
    assert min(record.time for record in later) - hit.time >= 1


@pytest.mark.parametrize("phase", ["api", "resolve"])
@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub answers 503 and asks to come back in two hours",
    sees="503 … set endpoint to a mirror; it asks to come back in 7,200 s",
    kept="the cache as it was; no stamp says whole",
    next_run="asks again",
)
def test_nobody_waits_for_hours(hub: Hub, tmp_path: Path, phase: str, seen: Seen) -> None:
    hub.fault("status", phase=phase, status=503, retry_after=7200)
    began = time.monotonic()
    text = refused(bring(hub, tmp_path), tmp_path, "503", "asks to come back in 7,200 s", "set endpoint to a mirror")
    assert time.monotonic() - began < 60
    assert text.startswith(REPO)
    seen(text)


def test_an_outage_of_some_seconds_is_outlived(hub: Hub, tmp_path: Path) -> None:
    hub.fault("status", phase="any", status=500, first=4)
    whole(bring(hub, tmp_path, retries=5))


@pytest.mark.parametrize("phase", ["api", "resolve", "content"])
@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub answers 500 to list, address or content, and goes on so",
    sees="status 500 … try again later … after 2 attempts",
    kept="what has arrived; no stamp says whole",
    next_run="fetches what is missing",
)
def test_an_outage_that_lasts_is_told(hub: Hub, tmp_path: Path, phase: str, seen: Seen) -> None:
    hub.fault("status", phase=phase, status=500, path="*" if phase == "api" else BIG)
    words = (hub.endpoint, "status 500", "try again later", "after 2 attempts")
    seen(refused(bring(hub, tmp_path, retries=1), tmp_path, *words))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", (f"shows no {REPO} at revision main", "status 401", "correct repo_id", "set token_file")),
        ("gated", ("only to accounts that were granted access", "ask for it", "set token_file")),
        ("no_repository", (f"shows no {REPO}", "correct repo_id", "set token_file")),
        ("no_revision", ("knows the model", "revision main", "correct revision")),
    ],
)
def test_a_refusal_names_the_remedy_at_once(hub: Hub, tmp_path: Path, fault: str, words: tuple[str, ...]) -> None:
    hub.fault(fault)
    refused(bring(hub, tmp_path), tmp_path, hub.endpoint, *words)
    assert len(hub.books.requests()) == 1, "asking again would not have helped"


def test_a_gated_model_shows_its_list_but_not_its_files(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    repository.gated = True
    refused(bring(hub, tmp_path), tmp_path, "only to accounts that were granted access", "set token_file")
    hub.set(tokens=["hf_reader", "hf_other"])
    repository.readers = {"hf_reader"}
    (tmp_path / "token").write_text("hf_other")
    with_token = {"token_file": str(tmp_path / "token")}
    refused(bring(hub, tmp_path, **with_token), tmp_path, "status 403", "granted access", "that account's token")
    (tmp_path / "token").write_text("hf_reader\n")
    whole(bring(hub, tmp_path, **with_token))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "status", "status": 403}, ("status 403", "has no right to it")),
        ({"kind": "no_repository"}, ("to the token of token_file", "correct repo_id")),
    ],
)
def test_a_token_without_the_right(hub: Hub, tmp_path: Path, fault: dict[str, Any], words: tuple[str, ...]) -> None:
    (tmp_path / "token").write_text("hf_secret")
    hub.fault(**fault)
    text = refused(bring(hub, tmp_path, token_file=str(tmp_path / "token")), tmp_path, *words)
    assert "hf_secret" not in text


@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub no longer knows the token",
    sees="does not know the token of token_file … Invalid credentials",
    kept="the cache as it was; the token is not shown",
    next_run="asks with the token that the file has then",
)
def test_a_token_that_the_hub_does_not_know(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.set(tokens=["hf_valid"])
    (tmp_path / "token").write_text("hf_outdated")
    result = bring(hub, tmp_path / "hub", token_file=str(tmp_path / "token"))
    text = refused(result, tmp_path / "hub", "does not know the token of token_file", "Invalid credentials")
    assert "hf_outdated" not in text
    seen(text)


def test_a_token_goes_to_the_hub_alone_and_is_kept_nowhere(hub: Hub, tmp_path: Path) -> None:
    hub.set(tokens=["hf_secret"], token_required=True)
    (tmp_path / "token").write_text("hf_secret\n")
    result = bring(hub, tmp_path / "hub", token_file=str(tmp_path / "token"))
    whole(result)
    assert {record.token for record in hub.books.requests(origin="hub")} == {True}
    assert {record.token for record in hub.books.requests(origin="cdn")} == {False}
    assert "hf_secret" not in json.dumps(result)
    texts = [path.read_bytes() for path in (tmp_path / "hub").rglob("*") if path.is_file()]
    assert texts and not any(b"hf_secret" in text for text in texts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "expected a Hub token in the file"),
        (b"", "found nothing in it"),
        (b"hf_secret\nhf_secret", "found other characters too"),
        ("hf_secré".encode(), "found other characters too"),
        (b"hf_secret\xff\xfe", "could not read it"),
    ],
)
def test_a_token_file_that_holds_none(hub: Hub, tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    text = refused(bring(hub, tmp_path, token_file=str(tmp_path / "token")), tmp_path, words, str(tmp_path / "token"))
    assert "hf_secr" not in text
    assert hub.books.requests() == []


def test_one_file_is_not_there(hub: Hub, tmp_path: Path) -> None:
    hub.fault("no_entry", path=BIG)
    text = refused(bring(hub, tmp_path), tmp_path, f"lists {BIG} of {REPO} at {COMMIT}", "is not whole")
    assert "ignore_patterns" in text and "endpoint" in text


@pytest.mark.parametrize("phase", ["api", "resolve", "content"])
def test_no_answer_at_all(hub: Hub, tmp_path: Path, phase: str) -> None:
    hub.fault("hang", phase=phase, path="*" if phase == "api" else BIG, first=1)
    began = time.monotonic()
    whole(bring(hub, tmp_path, stall_timeout=2))
    assert 2 <= time.monotonic() - began < 15


@pytest.mark.fault(
    kind="blackholed network",
    stage="models",
    fault="the Hub takes the connection and never answers",
    sees="timed out … check network, proxy … after 2 attempts",
    kept="the cache as it was; no stamp says whole",
    next_run="asks again",
)
def test_no_answer_ever(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.fault("hang", phase="api")
    text = refused(
        bring(hub, tmp_path, retries=1, stall_timeout=2),
        tmp_path,
        "timed out",
        "check network, proxy",
        "after 2 attempts",
    )
    seen(text)


@pytest.mark.parametrize("phase", ["api", "resolve", "content"])
def test_connections_that_break_before_an_answer(hub: Hub, tmp_path: Path, phase: str) -> None:
    hub.fault("drop", phase=phase, path="*" if phase == "api" else BIG, first=1)
    whole(bring(hub, tmp_path))


@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub goes down in mid-download and comes up a second later",
    sees="verified: True",
    kept="what has arrived: it goes on at that byte",
    next_run="nothing: the same run ended well",
)
def test_the_hub_goes_down_and_comes_up_again(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.fault("slow", path=BIG, rate=50_000)

    def go_down() -> None:
        hub.books.wait(file=BIG, phase="content")
        hub.down(seconds=1.0)

    outage = threading.Thread(target=go_down)
    outage.start()
    result = bring(hub, tmp_path, retries=8)
    whole(result)
    outage.join()
    seen(f"verified: {result['verified']}")
    assert len(hub.books.requests(file=BIG, phase="content", method="GET")) > 1, "it did go down meanwhile"
    assert hub.books.repeated().get(BIG, 0) <= 64 * 1024


@pytest.mark.parametrize("names", [("hub",), ("cdn",)])
@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub, or where it keeps the contents, is down",
    sees="Connection refused … check network, proxy",
    kept="the cache as it was; no stamp says whole",
    next_run="asks again",
)
def test_the_hub_is_down_for_good(hub: Hub, tmp_path: Path, names: tuple[str, ...], seen: Seen) -> None:
    hub.down(*names)
    words = (hub.endpoint, "Connection refused", "check network, proxy")
    seen(refused(bring(hub, tmp_path, retries=1), tmp_path, *words))


@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="the Hub is down, and the cache holds the model of an earlier day",
    sees="The cache holds commit … of it, verified: offline: true is content with that",
    kept="the model in the cache",
    next_run="with offline: true it is content with the cache",
)
def test_what_the_cache_holds_is_told_when_the_hub_is_down(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    whole(bring(hub, tmp_path))
    hub.down()
    result = bring(hub, tmp_path, retries=0)
    assert result["failed"]
    assert f"The cache holds commit {COMMIT} of it, verified: offline: true is content with that" in result["msg"]
    whole(bring(hub, tmp_path, offline=True))
    seen(result["msg"])


def test_a_signed_address_that_expired_is_renewed(hub: Hub, tmp_path: Path) -> None:
    hub.fault("reset", path=BIG, after=30_000, first=1)
    hub.fault("status", phase="content", path=BIG, status=403, first=1, skip=1)
    whole(bring(hub, tmp_path))
    assert hub.books.repeated() == {}


def test_signed_addresses_that_are_always_refused(hub: Hub, tmp_path: Path) -> None:
    hub.set(url_seconds=-1)
    refused(bring(hub, tmp_path, retries=1), tmp_path, "the signed address", "status 403", "after 2 attempts")


@pytest.mark.parametrize("phase", ["api", "resolve", "content"])
def test_a_proxy_that_wants_a_log_in(hub: Hub, tmp_path: Path, phase: str) -> None:
    hub.fault("portal", phase=phase, path="*" if phase == "api" else BIG)
    refused(
        bring(hub, tmp_path, retries=1),
        tmp_path,
        "text/html" if phase != "resolve" else "found an answer without",
        "log-in",
    )


@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="a proxy's log-in page comes with status 200 instead of the rest of a file",
    sees="verified: True",
    kept="what has arrived: the page is not added to it",
    next_run="nothing: the same run ended well",
)
def test_a_log_in_page_does_not_spoil_what_has_arrived(hub: Hub, tmp_path: Path, seen: Seen) -> None:
    hub.fault("reset", path=BIG, after=50_000, first=1)
    hub.fault("portal", phase="content", path=BIG, skip=1, first=1)
    result = bring(hub, tmp_path, retries=3)
    whole(result)
    seen(f"verified: {result['verified']}")
    assert [record.start for record in hub.books.requests(file=BIG, phase="content", status=206)] == [50_000]


def test_half_a_document(hub: Hub, tmp_path: Path) -> None:
    hub.fault("broken_json", path="/api/models/*/tree/*", first=1)
    whole(bring(hub, tmp_path))


def test_half_a_document_always(hub: Hub, tmp_path: Path) -> None:
    hub.fault("broken_json", path="/api/models/*/tree/*")
    refused(bring(hub, tmp_path, retries=1), tmp_path, "expected JSON", "that are none")


def test_addresses_that_lead_in_a_circle(hub: Hub, tmp_path: Path) -> None:
    hub.fault("redirect_loop", path=BIG)
    refused(bring(hub, tmp_path, retries=1), tmp_path, f"{BIG} of {REPO}", "redirects", "check network, proxy")


@pytest.mark.parametrize("fault", ["lying_size", "lying_hash"])
def test_a_list_that_is_not_true(hub: Hub, tmp_path: Path, fault: str) -> None:
    hub.fault(fault, path=BIG)
    refused(bring(hub, tmp_path, retries=1), tmp_path, f"of {REPO}", "as it lists them", "100,000 bytes with")
    assert BIG not in hub.books.downloads(), "that could be told before the first byte"
    hub.faults.clear()
    whole(bring(hub, tmp_path, revision=COMMIT))


@pytest.mark.parametrize("fault", ["lying_size", "lying_hash"])
@pytest.mark.fault(
    kind="Hub fault",
    stage="models",
    fault="a mirror lists a file with another size or hash than it has",
    sees="expected",
    kept="the cache never has the file",
    next_run="with an honest Hub it fetches the file",
)
def test_a_mirror_that_lies_everywhere_is_found_out_by_the_contents(
    hub: Hub, tmp_path: Path, fault: str, seen: Seen
) -> None:
    hub.fault(fault, path=BIG)
    hub.fault(fault, path=BIG, phase="resolve")
    words = ("expected 100,001 bytes",) if fault == "lying_size" else ("arrived wrong", "(3 times)")
    seen(refused(bring(hub, tmp_path, retries=3), tmp_path, *words))
    hub.faults.clear()
    whole(bring(hub, tmp_path, revision=COMMIT))


def test_a_list_with_a_path_out_of_the_cache(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    repository.commit({"config.json": b"{}", "../../../escaped": b"x"})
    refused(bring(hub, tmp_path / "hub"), tmp_path / "hub", "no list of the Hub's", "'../../../escaped'")
    assert [path.name for path in tmp_path.rglob("escaped")] == []


def test_a_branch_that_moves_between_two_requests(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository(REPO)
    later = repository.commit({**FILES, BIG: b"n" * 100_000}, branch=None)
    hub.fault("moved", path="/api/models/*/tree/*", commit=later)
    first = bring(hub, tmp_path)
    whole(first)
    assert first["commit"] == COMMIT
    folder = Path(first["path"]).parents[1]
    assert (folder / "refs/main").read_text() == COMMIT
    second = bring(hub, tmp_path)
    assert (second["commit"], second["files"]) == (later, [BIG]), "what both have is not fetched twice"
    assert (folder / "refs/main").read_text() == later


def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    files: dict[str, Content | bytes] = {f"tokens/{number:03}.txt": b"%d" % number for number in range(11)}
    with Hub(page_size=5) as hub:
        hub.add(REPO).commit({"config.json": b"{}", **files}, commit=COMMIT)
        hub.fault("status", path="/api/models/*/tree/*", skip=1, first=1, status=502)
        result = bring(hub, tmp_path)
        assert result["verified"] and len(result["files"]) == 12


def test_a_model_that_was_renamed(hub: Hub, tmp_path: Path) -> None:
    hub.renamed["openai/gpt-oss-small"] = REPO
    result = bring(hub, tmp_path, repo_id="openai/gpt-oss-small")
    whole(result)
    assert "models--openai--gpt-oss-small" in result["path"]


def test_without_the_library_only_what_needs_it_fails(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for name in ("huggingface_hub", "huggingface_hub.file_download"):
            patch.setitem(sys.modules, name, None)
        words = ("expected the Python library huggingface_hub", "ansible_python_interpreter", "by source")
        refused(bring(hub, tmp_path), tmp_path, *words)
    whole(bring(hub, tmp_path))
    for name in ("huggingface_hub", "huggingface_hub.file_download"):
        monkeypatch.setitem(sys.modules, name, None)
    whole(bring(hub, tmp_path, revision=COMMIT))


def test_a_check_asks_and_writes_nothing(hub: Hub, tmp_path: Path) -> None:
    foreseen = bring(hub, tmp_path / "hub", check_mode=True)
    assert (foreseen["changed"], foreseen["verified"], foreseen["bytes"]) == (True, False, 100_002)
    assert not (tmp_path / "hub").exists() and hub.books.downloads() == []


def test_a_dead_proxy_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    refused(bring(hub, tmp_path, retries=0), tmp_path, "check network, proxy")
    assert hub.books.requests() == []
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    whole(bring(hub, tmp_path))
