# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of the look-alike gives what it says: seen with a plain HTTP client."""

from __future__ import annotations

import gzip
import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hub_harness import COMMIT, FILES, REPO, Hub
from lookalike_hub import Fault, HubProcess

LARGE = "model.safetensors"
SIZE = len(FILES[LARGE])
INFO = f"/api/models/{REPO}/revision/main"
TREE = f"/api/models/{REPO}/tree/main?recursive=true"


@dataclass
class Seen:
    """What a client saw: ``end`` is whole, cut (closed early), reset, refused or silence."""

    end: str
    status: int = 0
    headers: Any = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, method: str = "GET", timeout: float = 10.0, body: bytes | None = None, **headers: str) -> Seen:
    """Ask once, follow nothing, and read to the end, whatever the end is."""
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=timeout)
    seen = Seen("whole")
    try:
        target = place.path + (f"?{place.query}" if place.query else "")
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        seen.status, seen.headers = reply.status, reply.headers
        while piece := reply.read1(1 << 16):
            seen.body += piece
        if method != "HEAD" and len(seen.body) < int(reply.headers.get("Content-Length", 0)):
            seen.end = "cut"
    except ConnectionRefusedError:
        seen.end = "refused"
    except (ConnectionResetError, BrokenPipeError):
        seen.end = "reset"
    except TimeoutError:
        seen.end = "silence"
    finally:
        connection.close()
    return seen


def resolve(hub: Hub, file: str = LARGE) -> str:
    return f"{hub.endpoint}/{REPO}/resolve/main/{file}"


def content_url(hub: Hub, file: str = LARGE) -> str:
    """Return where the content of a file is."""
    return urllib.parse.urljoin(hub.endpoint, ask(resolve(hub, file), "HEAD").headers["Location"])


def content(hub: Hub, file: str = LARGE, **headers: str) -> Seen:
    return ask(content_url(hub, file), **headers)


REFUSALS = [
    (Fault("status", status=429, retry_after=7), 429, None, {"Retry-After": "7"}),
    (Fault("status", status=503, message="busy"), 503, None, {"X-Error-Message": "busy"}),
    (Fault("status"), 500, None, {}),
    (Fault("status", status=403, error_code="GatedRepo"), 403, "GatedRepo", {}),
    (Fault("unauthorized"), 401, "RepoNotFound", {}),
    (Fault("gated"), 403, "GatedRepo", {}),
    (Fault("no_repository"), 404, "RepoNotFound", {}),
    (Fault("no_revision"), 404, "RevisionNotFound", {}),
    (Fault("no_entry"), 404, "EntryNotFound", {}),
    (Fault("rate_limit", seconds=55), 429, None, {"RateLimit": '"resolvers";r=0;t=55', "Retry-After": None}),
]


@pytest.mark.parametrize(("fault", "status", "code", "headers"), REFUSALS, ids=lambda value: getattr(value, "kind", ""))
def test_refusals(hub: Hub, fault: Fault, status: int, code: str | None, headers: dict[str, str | None]) -> None:
    location = content_url(hub)
    hub.faults.add(fault)
    for url in (hub.endpoint + INFO, hub.endpoint + TREE, resolve(hub), location):
        seen = ask(url)
        assert (seen.status, seen.headers["X-Error-Code"], seen.end) == (status, code, "whole")
        assert "error" in seen.json
        assert {name: seen.headers[name] for name in headers} == headers
    assert all(record.faults == [fault.kind] for record in hub.books.requests()[1:])


def test_a_date_to_wait_for(hub: Hub) -> None:
    hub.fault("status", status=503, retry_after=100, as_date=True)
    date = parsedate_to_datetime(ask(hub.endpoint + INFO).headers["Retry-After"])
    assert date.timestamp() == pytest.approx(time.time() + 100, abs=10)


def whole_of(size: int) -> Callable[[Seen], bool]:
    return lambda seen: (seen.end, seen.status, seen.body) == ("whole", 200, FILES[LARGE][:size])


CONTENT: list[tuple[Fault, Callable[[Seen], bool]]] = [
    (Fault("reset", after=30_000), lambda seen: (seen.end, len(seen.body)) == ("reset", 30_000)),
    (Fault("reset"), lambda seen: (seen.end, len(seen.body)) == ("reset", SIZE // 2)),
    (Fault("reset", after=0), lambda seen: (seen.end, seen.status, seen.body) == ("reset", 200, b"")),
    (Fault("short", after=30_000), lambda seen: (seen.end, len(seen.body)) == ("cut", 30_000)),
    (Fault("truncated", after=30_000), whole_of(30_000)),
    (Fault("wrong_bytes", at=5), lambda seen: seen.body == b"w" * 5 + b"\x88" + b"w" * (SIZE - 6)),
    (Fault("wrong_bytes"), lambda seen: len(seen.body) == SIZE and seen.body.count(b"w") == SIZE - 1),
    (Fault("stall", after=30_000), lambda seen: (seen.end, len(seen.body)) == ("silence", 30_000)),
    (Fault("stall", after=30_000, seconds=0.2), whole_of(SIZE)),
    (Fault("hang", phase="content"), lambda seen: (seen.end, seen.status) == ("silence", 0)),
    (Fault("hang", phase="content", seconds=0.2), whole_of(SIZE)),
    (Fault("drop", phase="content"), lambda seen: (seen.end, seen.status) == ("reset", 0)),
    (Fault("portal", phase="content"), lambda seen: seen.headers["Content-Type"] == "text/html"),
    (Fault("reset", path="*.json"), whole_of(SIZE)),
    (Fault("reset", path="/api/*"), whole_of(SIZE)),
    (Fault("reset", client="10.*"), whole_of(SIZE)),
    (Fault("reset", method="HEAD"), whole_of(SIZE)),
    (Fault("reset", skip=1), whole_of(SIZE)),
]


@pytest.mark.parametrize(("fault", "expected"), CONTENT, ids=lambda value: getattr(value, "kind", ""))
def test_content(hub: Hub, fault: Fault, expected: Callable[[Seen], bool]) -> None:
    hub.faults.add(fault)
    seen = content(hub, timeout=1.0)  # type: ignore[arg-type]
    assert expected(seen), (seen.end, seen.status, len(seen.body), seen.headers)
    (record,) = hub.books.wait(phase="content")
    # Not that the client had it, but it was sent: the same here, since this client reads all.
    assert record.sent == len(seen.body)
    assert seen.end == "silence" or hub.books.wait(phase="content", whole=seen.end == "whole")


def test_only_the_first_are_hit_and_then_those_of_the_next_fault(hub: Hub) -> None:
    hub.fault("status", phase="content", status=503, first=2)
    hub.fault("reset", after=10, first=1)
    seen = [content(hub) for _turn in range(4)]
    assert [(one.status, one.end) for one in seen] == [
        (503, "whole"), (503, "whole"), (200, "reset"), (200, "whole"),
    ]  # fmt: skip
    assert [fault["met"] for fault in hub.faults.as_document()] == [4, 2]


def test_faults_together(hub: Hub) -> None:
    hub.fault("wrong_bytes", at=0)
    hub.fault("slow", rate=200_000)
    begin = time.monotonic()
    seen = content(hub)
    assert 0.3 < time.monotonic() - begin < 5
    assert (len(seen.body), seen.body[:1]) == (SIZE, b"\x88")


def test_ranges_and_a_server_that_ignores_them(hub: Hub) -> None:
    url = content_url(hub)
    part = ask(url, Range="bytes=99990-")
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 99990-99999/{SIZE}")
    assert part.body == FILES[LARGE][99990:]
    assert ask(url, Range="bytes=5-9").body == FILES[LARGE][5:10]
    assert ask(url, Range="bytes=-3").headers["Content-Range"] == f"bytes 99997-99999/{SIZE}"
    beyond = ask(url, Range=f"bytes={SIZE}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    other = ask(url, Range="bytes=5-9", If_Range='"other"')
    assert (other.status, len(other.body)) == (200, SIZE)
    hub.fault("ignore_range")
    ignored = ask(url, Range="bytes=5-9")
    assert (ignored.status, len(ignored.body)) == (200, SIZE)


def test_wrong_bytes_are_at_the_same_place_in_a_range(hub: Hub) -> None:
    hub.fault("wrong_bytes", at=50)
    assert content(hub, Range="bytes=40-59").body == b"w" * 10 + b"\x88" + b"w" * 9


def test_signed_addresses_end(hub: Hub) -> None:
    url = content_url(hub)
    assert ask(url).status == 200
    forged = ask(url.replace("model.safetensors", "config.json"))
    assert (forged.status, forged.body.count(b"Access denied")) == (403, 1)
    hub.set(url_seconds=-1)
    expired = content(hub)
    assert (expired.status, expired.body.count(b"Request has expired")) == (403, 1)
    hub.set(url_seconds=3600)
    hub.fault("expired", uses=1)
    assert [ask(url).status for _turn in range(2)] == [200, 403]
    assert content(hub).status == 200


def test_lies_in_the_tree_and_in_the_headers(hub: Hub) -> None:
    hub.fault("lying_size", path="*.safetensors", by=10)
    hub.fault("lying_hash", path="*.safetensors")
    tree = {entry["path"]: entry for entry in ask(hub.endpoint + TREE).json}
    true = hub.repository(REPO).commits[COMMIT].files
    assert (tree[LARGE]["size"], tree[LARGE]["lfs"]["size"]) == (SIZE + 10, SIZE + 10)
    assert tree[LARGE]["lfs"]["oid"] != true[LARGE].sha256
    assert len(tree[LARGE]["lfs"]["oid"]) == 64
    assert (tree["config.json"]["size"], tree["config.json"]["oid"]) == (2, true["config.json"].oid)
    head = ask(resolve(hub), "HEAD").headers
    assert (head["X-Linked-Size"], head["X-Linked-ETag"]) == (str(SIZE), f'"{true[LARGE].sha256}"')
    for kind in ("lying_size", "lying_hash"):
        hub.fault(kind, phase="metadata", by=-1)
    for file in (LARGE, "config.json"):
        url = resolve(hub, file) if file == LARGE else content_url(hub, file)
        head = ask(url, "HEAD").headers
        assert int(head["X-Linked-Size"] or head["Content-Length"]) == true[file].size - 1
        assert true[file].etag not in (head["X-Linked-ETag"] or head["ETag"])
        assert ask(content_url(hub, file)).body == FILES[file]


def test_no_metadata(hub: Hub) -> None:
    hub.fault("no_metadata")
    for url in (resolve(hub), content_url(hub, "config.json")):
        head = ask(url, "HEAD").headers
        assert [head[name] for name in ("X-Repo-Commit", "X-Linked-ETag", "ETag")] == [None, None, None]
    assert content(hub, "config.json").body == FILES["config.json"]


def test_broken_documents(hub: Hub) -> None:
    hub.fault("broken_json")
    for path in (INFO, TREE, f"/api/models/{REPO}/refs"):
        seen = ask(hub.endpoint + path)
        assert (seen.status, seen.end, seen.body[:1] in b"{[") == (200, "whole", True)
        with pytest.raises(json.JSONDecodeError):
            _document = seen.json


def test_a_loop_of_redirects(hub: Hub) -> None:
    hub.fault("redirect_loop", path="config.json")
    url, seen = resolve(hub, "config.json"), set()
    for _turn in range(25):
        reply = ask(url, "HEAD")
        assert reply.status == 302
        url = urllib.parse.urljoin(url, reply.headers["Location"])
        seen.add(urllib.parse.urlsplit(url).path)
    assert seen == {f"/{REPO}/resolve/main/config.json"}


def test_a_branch_that_moves_between_two_requests(hub: Hub) -> None:
    other = hub.repository(REPO).commit({"config.json": b"[]"}, branch=None)
    hub.fault("moved", path=INFO, commit=other, skip=1)
    assert [ask(hub.endpoint + INFO).json["sha"] for _turn in range(3)] == [COMMIT, other, other]


def test_a_server_that_is_down_for_a_while(hub: Hub) -> None:
    url = content_url(hub)
    hub.down("cdn")
    assert (ask(url).end, ask(hub.endpoint + INFO).end) == ("refused", "whole")
    hub.down("hub", seconds=0.3)
    assert ask(hub.endpoint + INFO).end == "refused"
    end = time.monotonic() + 10
    while ask(hub.endpoint + INFO).end != "whole" and time.monotonic() < end:
        time.sleep(0.05)
    assert ask(url).end == "refused"
    hub.up()
    assert ask(url).body == FILES[LARGE]


def test_what_is_under_way_breaks_when_the_server_goes_down(hub: Hub) -> None:
    hub.fault("stall", after=100)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url := content_url(hub)).netloc, timeout=10)
    connection.request("GET", url[url.index("/xet") :])
    reply = connection.getresponse()
    assert len(reply.read(100)) == 100
    hub.down()
    with pytest.raises(http.client.IncompleteRead):
        reply.read()
    connection.close()


def test_compressed_and_chunked(hub: Hub) -> None:
    hub.set(gzip=True)
    plain = content(hub, "config.json")
    assert (plain.headers["Content-Encoding"], plain.headers["Content-Length"]) == (None, "2")
    packed = content(hub, "config.json", Accept_Encoding="gzip", Range="bytes=1-")
    assert (packed.status, packed.headers["Transfer-Encoding"]) == (200, "chunked")
    assert packed.headers["Content-Length"] is None
    assert gzip.decompress(packed.body) == FILES["config.json"]
    assert content(hub, Accept_Encoding="gzip").headers["Content-Encoding"] is None


def test_one_rate_for_all_connections(hub: Hub) -> None:
    hub.set(rate=400_000)
    begin = time.monotonic()
    urls = [content_url(hub) for _number in range(3)]
    connections = [http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20) for url in urls]
    for connection, url in zip(connections, urls, strict=True):
        connection.request("GET", url[url.index("/xet") :])
    assert [len(connection.getresponse().read()) for connection in connections] == [SIZE] * 3
    assert 0.5 < time.monotonic() - begin < 10
    for connection in connections:
        connection.close()


def test_a_fault_must_make_sense() -> None:
    for wrong in ({"kind": "none"}, {"kind": "slow"}, {"kind": "moved"}, {"kind": "reset", "afterwards": 1}):
        with pytest.raises(ValueError, match="Wanted"):
            Fault.parse(wrong)


def test_control_over_http(hub: Hub) -> None:
    there = HubProcess(control_url=hub.control_url)
    there.fault("status", status=503, first=1)
    assert [ask(hub.endpoint + INFO).status for _turn in range(2)] == [503, 200]
    assert there.state["faults"][0]["met"] == 2
    assert there.state["repositories"][0]["branches"] == {"main": COMMIT}
    assert content(hub).end == "whole"
    books = there.books()
    assert (books["content"], books["downloads"], books["repeated"]) == ({LARGE: SIZE}, [LARGE], {})
    assert [request["status"] for request in books["requests"]] == [503, 200, 302, 200]
    assert there.books(repo="none")["requests"] == []
    assert there.books(client="127.0.0.1", origin="cdn")["content"] == {LARGE: SIZE}
    there.clear_books()
    there.clear_faults()
    assert (there.books()["requests"], there.state["faults"]) == ([], [])
    there.down("hub")
    assert ask(hub.endpoint + INFO).end == "refused"
    there.up("hub")
    there.set(page_size=1)
    assert len(ask(hub.endpoint + TREE).json) == 1
    other = hub.repository(REPO).commit({"config.json": b"[]"}, branch=None)
    there.control("POST", "move", {"repo_id": REPO, "commit": other})
    assert ask(hub.endpoint + INFO).json["sha"] == other
    wrong = ask(f"{hub.control_url}/_control/faults", "POST", body=b'{"kind": "none"}')
    assert (wrong.status, wrong.json["error"][:10]) == (400, "ValueError")
    # Neither knows the other's paths.
    assert ask(f"{hub.endpoint}/_control/books").status == 404
    assert ask(hub.control_url + INFO).status == 404
