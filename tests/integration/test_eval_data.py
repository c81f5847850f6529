"""eval_data against a real HTTP server: fetched once, checked, never worse than before, and each trouble named."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import eval_data
from conftest import forget_warnings

HEAD = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
GOOD = (HEAD + "Which?,a,b,c,d\n").encode()
NEWER = (HEAD + "Which?,a,b,c,d\nWho?,a,b,c,d\n").encode()
BAD_ROW = (HEAD + "Which?,a,b,c,d\nWho?,a\n").encode()


@dataclass
class Mirror:
    """A web server: path -> what it sends, and how many bytes it announces beyond that."""

    url: str = ""
    pages: dict[str, tuple[int, bytes, int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def has(self, path: str, content: bytes, status: int = 200, missing: int = 0) -> str:
        self.pages[path] = (status, content, missing)
        return self.url + path


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    found = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            status, content, missing = found.pages.get(self.path, (404, b"not here", 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) + missing))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the module in this process on one file of gpqa."""

    def run(*places: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        forget_warnings()
        output = io.StringIO()
        arguments = {
            "data": {"gpqa": [list(places)]}, "cache": str(tmp_path / "cache"), "timeout": 5,
            "_ansible_check_mode": check_mode, **options,
        }  # fmt: skip
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            eval_data.main()
        return dict(json.loads(output.getvalue()))

    return run


def record(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(f"{path}.origin.json").read_text()))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_fetched_once_and_its_origin_kept(run: Run, mirror: Mirror, tmp_path: Path) -> None:
    address = mirror.has("/a/gpqa.csv", GOOD)
    first = run(address)
    path = str(tmp_path / "cache" / "gpqa.csv")
    assert (first["changed"], first["files"], first["names"]) == (True, {"gpqa": [path]}, {"gpqa": ["gpqa.csv"]})
    assert Path(path).read_bytes() == GOOD
    kept = record(path)
    assert (kept["address"], kept["sha256"], kept["size"]) == (address, digest(GOOD), len(GOOD))
    assert first["origins"] == [
        {
            "task": "gpqa", "name": "gpqa.csv", "path": path, "origin": address, "sha256": digest(GOOD),
            "size": len(GOOD), "fetched": kept["fetched"],
        }
    ]  # fmt: skip
    again = run(address)
    assert (again["changed"], again["origins"]) == (False, first["origins"])
    assert mirror.asked == ["/a/gpqa.csv"]
    assert sorted(item.name for item in (tmp_path / "cache").iterdir()) == ["gpqa.csv", "gpqa.csv.origin.json"]
    documented = yaml.safe_load(eval_data.RETURN)["origins"]["contains"]
    assert set(documented) == set(first["origins"][0])


def test_a_relative_path_is_refused_before_anything_is_asked_for(run: Run, mirror: Mirror, tmp_path: Path) -> None:
    failed = run(mirror.has("/gpqa.csv", GOOD), "data/gpqa.csv")
    assert "whole paths, found data/gpqa.csv; write the whole path" in failed["msg"]
    assert mirror.asked == []
    assert not (tmp_path / "cache").exists()


def test_the_first_place_that_has_the_whole_file_is_taken(run: Run, mirror: Mirror, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/gpqa.csv"
    places = [
        nobody,
        mirror.url + "/nothing.csv",
        mirror.has("/error.csv", b"oops", 503),
        mirror.has("/page.csv", b"<html>\n<p>Sign in</p>\n</html>\n"),
        mirror.has("/cut.csv", GOOD, missing=10),
        mirror.has("/row.csv", BAD_ROW),
        str(tmp_path / "absent.csv"),
    ]
    failed = run(*places)
    for text in (
        f"{nobody}: ", "/nothing.csv: HTTP Error 404", "/error.csv: HTTP Error 503",
        "/page.csv: gpqa.csv, header: wanted the columns 'Question'",
        f"/cut.csv: the connection ended after {len(GOOD)}",
        "/row.csv: gpqa.csv, line 3: wanted 5 cells", "absent.csv: wanted a data set file, but it cannot be read",
        f"put the file into {tmp_path / 'cache'}",
    ):  # fmt: skip
        assert text in failed["msg"], failed["msg"]
    assert list((tmp_path / "cache").iterdir()) == []
    found = run(*places, mirror.has("/good.csv", GOOD))
    assert found["changed"] is True
    assert record(found["files"]["gpqa"][0])["address"] == f"{mirror.url}/good.csv"
    assert found["names"] == {"gpqa": ["gpqa.csv"]}


def test_a_path_is_taken_where_the_network_is_gone(run: Run, tmp_path: Path) -> None:
    local = tmp_path / "mine.csv"
    local.write_bytes(GOOD)
    found = run("http://127.0.0.1:9/gpqa.csv", str(local))
    assert (found["changed"], found["files"], found["names"]) == (False, {"gpqa": [str(local)]}, {"gpqa": ["gpqa.csv"]})


@pytest.mark.parametrize("content", [GOOD[:-20], b"", BAD_ROW, NEWER], ids=["cut", "empty", "bad row", "other"])
def test_a_file_that_was_changed_since_it_came_is_fetched_again(run: Run, mirror: Mirror, content: bytes) -> None:
    address = mirror.has("/gpqa.csv", GOOD)
    (path,) = run(address)["files"]["gpqa"]
    Path(path).write_bytes(content)
    assert run(address)["changed"] is True
    assert Path(path).read_bytes() == GOOD


def test_a_wanted_checksum_is_enforced_at_the_fetch(run: Run, mirror: Mirror) -> None:
    address = mirror.has("/gpqa.csv", GOOD)
    (path,) = run(address)["files"]["gpqa"]
    refused = run(address, sha256={"gpqa": [digest(NEWER)]})
    assert f"{path} does not count: its sha256 is {digest(GOOD)}, wanted {digest(NEWER)}" in refused["msg"]
    assert f"{address}: its sha256 is {digest(GOOD)}, wanted {digest(NEWER)}" in refused["msg"]
    assert (Path(path).read_bytes(), record(path)["sha256"]) == (GOOD, digest(GOOD))  # no worse than before
    mirror.has("/gpqa.csv", NEWER)
    assert run(address, sha256={"gpqa": [digest(NEWER)]})["changed"] is True
    assert Path(path).read_bytes() == NEWER


def test_a_file_from_an_address_that_is_no_more_listed_does_not_count(run: Run, mirror: Mirror) -> None:
    old, new = mirror.has("/old/gpqa.csv", GOOD), mirror.has("/new/gpqa.csv", NEWER)
    run(old)
    (path,) = run(new)["files"]["gpqa"]
    assert Path(path).read_bytes() == NEWER
    assert run(old, new)["changed"] is False


def test_a_file_put_into_the_cache_by_hand_needs_no_network(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "gpqa.csv").write_bytes(GOOD)
    found = run("http://127.0.0.1:9/gpqa.csv")
    assert (found["changed"], found["origins"][0]["origin"]) == (False, str(cache / "gpqa.csv"))
    assert found["origins"][0]["fetched"] is None
    (cache / "gpqa.csv").write_bytes(BAD_ROW)
    assert "gpqa.csv does not count: " in run("http://127.0.0.1:9/gpqa.csv")["msg"]


def test_check_mode_fetches_nothing(run: Run, mirror: Mirror, tmp_path: Path) -> None:
    planned = run(mirror.has("/gpqa.csv", GOOD), check_mode=True)
    assert (planned["changed"], planned["origins"][0]["sha256"]) == (True, None)
    assert mirror.asked == []
    assert not (tmp_path / "cache").exists()


def test_other_data_than_the_official_is_warned_of(run: Run, mirror: Mirror) -> None:
    address = mirror.has("/gpqa.csv", GOOD)
    (warning,) = run(address)["warnings"]
    text = str(warning)
    assert "The data of gpqa is not the official one" in text
    assert digest(GOOD) in text
    assert "warnings" not in run(address, official=False)
    assert "warnings" not in run(address, sha256={"gpqa": [digest(GOOD)]})
