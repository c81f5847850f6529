"""The pure parts of a swarm: metainfo, what is kept of it, peers, settings, and what a status means."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_folder as folders
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_metainfo as metainfo
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_share as share
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Asked, Idleness, Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_metainfo import ContentError, Part
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_peers import endpoint, resolve, split, told
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_settings import Way, settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_state import Observation

KIB, MIB, GB = 1 << 10, 1 << 20, 10**9
PIECE = 128 * KIB


def write(content: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(data)
    return content


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, b"i0e"),
        (-12, b"i-12e"),
        ("spam", b"4:spam"),
        (b"\xff", b"1:\xff"),
        ("é", b"2:\xc3\xa9"),
        ([1, "a"], b"li1e1:ae"),
        ({"b": 1, "a b": [], "a": {}}, b"d1:ade3:a ble1:bi1ee"),
    ],
)
def test_bencode(value: Any, encoded: bytes) -> None:
    assert metainfo.bencode(value) == encoded


@pytest.mark.parametrize(
    ("total", "length"),
    [
        (1, 128 * KIB),
        (512 * MIB, 128 * KIB),
        (512 * MIB + 1, 256 * KIB),
        (13_761_264_768, 4 * MIB),  # gpt-oss-20b
        (65_248_893_184, 16 * MIB),  # gpt-oss-120b
        (10**13, 16 * MIB),
    ],
)
def test_piece_length(total: int, length: int) -> None:
    assert metainfo.piece_length(total) == length


def test_files_are_sorted_by_their_bytes(tmp_path: Path) -> None:
    write(tmp_path, {"b/a": b"1", "b.a": b"22", "B": b"", "b/é": b"3"})
    assert [(part.name, part.size) for part in metainfo.parts_of(tmp_path)] == [
        ("B", 0),
        ("b.a", 2),
        ("b/a", 1),
        ("b/é", 1),
    ]


def test_what_cannot_travel(tmp_path: Path) -> None:
    for name, files in (("absent", None), ("bare", {}), ("hollow", {"empty": b""}), ("odd", {"a": b"1"})):
        if files is not None:
            (tmp_path / name).mkdir()
            write(tmp_path / name, files)
    (tmp_path / "odd/link").symlink_to("a")
    for name, said in (("absent", "found none"), ("bare", "in them"), ("hollow", "in them"), ("odd", "found link")):
        with pytest.raises(ContentError, match=said):
            metainfo.parts_of(tmp_path / name)


def test_metainfo_to_the_letter(tmp_path: Path) -> None:
    """Each file begins with a piece of its own; a file that ends inside one is followed by zeros, the last is not."""
    content = write(tmp_path, {"a": b"A" * (PIECE + 1), "b/c": b"B", "z": b""})
    made = metainfo.make(content, metainfo.parts_of(content), workers=2)
    pieces = [b"A" * PIECE, b"A" + bytes(PIECE - 1), b"B"]
    hashes = b"".join(hashlib.sha1(piece, usedforsecurity=False).digest() for piece in pieces)
    info = (
        b"d5:filesl"
        b"d6:lengthi131073e4:pathl1:aee"
        b"d4:attr1:p6:lengthi131071e4:pathl4:.pad6:131071ee"
        b"d6:lengthi1e4:pathl1:b1:cee"
        b"d6:lengthi0e4:pathl1:zee"
        b"e4:name7:content12:piece lengthi131072e6:pieces60:" + hashes + b"e"
    )
    assert made.encoded == b"d4:info" + info + b"e"
    assert made.info_hash == hashlib.sha1(info, usedforsecurity=False).hexdigest()
    assert metainfo.decoded(made.encoded) == made
    with pytest.raises(ValueError, match="no metainfo"):
        metainfo.decoded(b"d8:announce3:abce")


def test_metainfo_is_the_contents_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other folder, times, order of writing, threads and portions of work: the same info hash."""
    files = {f"blobs/{number}": os.urandom(size) for number, size in enumerate((PIECE * 5 + 3, PIECE, 1, PIECE * 2))}
    one = write(tmp_path / "one", files)
    other = write(tmp_path / "other", dict(reversed(files.items())))
    os.utime(other / "blobs/0", (1, 1))
    first = metainfo.make(one, metainfo.parts_of(one), workers=1)
    monkeypatch.setattr(metainfo, "_SPAN", PIECE * 2)
    monkeypatch.setattr(metainfo, "_READ_SIZE", 1000)
    assert metainfo.make(other, metainfo.parts_of(other), workers=3) == first
    (other / "blobs/2").write_bytes(b"x")
    assert metainfo.make(other, metainfo.parts_of(other), workers=3).info_hash != first.info_hash


def test_a_file_that_shrinks(tmp_path: Path) -> None:
    content = write(tmp_path, {"a": b"A" * 10})
    parts = [Part("a", 20, 0)]
    with pytest.raises(ContentError, match="became shorter"):
        metainfo.make(content, parts, workers=1)


def test_hashes_are_kept_while_nothing_changed(tmp_path: Path) -> None:
    content = write(tmp_path / "content", {"a": b"A" * 10, "b": b"B"})
    hashed = []

    def make(*arguments: Any) -> metainfo.Metainfo:
        hashed.append(arguments)
        return metainfo.make(*arguments)

    first = folders.hold(tmp_path, 1, make)
    assert folders.hold(tmp_path, 1, make) == first and len(hashed) == 1
    (content / "b").write_bytes(b"C")
    second = folders.hold(tmp_path, 1, make)
    assert second != first and len(hashed) == 2
    (content / "c").write_bytes(b"")
    folders.hold(tmp_path, 1, make)
    assert len(hashed) == 3
    (tmp_path / "metainfo").write_bytes(b"d4:infodee")
    folders.hold(tmp_path, 1, make)
    assert len(hashed) == 4, "a metainfo of something else is not believed"


def test_metainfo_of_a_content_that_is_on_its_way(tmp_path: Path) -> None:
    """It is kept for the next start, and says nothing about the files."""
    content = write(tmp_path / "content", {"a": b"A" * 10})
    made = metainfo.make(content, metainfo.parts_of(content), 1)
    folders.keep(tmp_path, made)
    assert folders.kept(tmp_path, made.info_hash) == made
    assert folders.kept(tmp_path, "0" * 40) is None
    other = metainfo.of_info(b"d4:name5:othere")
    assert folders.hold(tmp_path, 1, lambda *_arguments: other) == other
    folders.keep(tmp_path, made)
    folders.sign(tmp_path, made.info_hash, metainfo.parts_of(content))
    assert folders.hold(tmp_path, 1, lambda *_arguments: other) == made


def test_peers_of_a_folder(tmp_path: Path) -> None:
    assert folders.read_peers(tmp_path) == ()
    folders.write_peers(tmp_path, ["a:1", "b:2"])
    assert folders.read_peers(tmp_path) == ("a:1", "b:2")
    folders.forget_peers(tmp_path)
    folders.forget_peers(tmp_path)
    assert folders.read_peers(tmp_path) == ()


@pytest.mark.parametrize(
    ("peer", "parts"),
    [
        ("10.0.0.1:5551", ("10.0.0.1", 5551)),
        ("[fd00::1]:5551", ("fd00::1", 5551)),
        ("host7.example.com:1", ("host7.example.com", 1)),
        ("10.0.0.1", None),
        ("10.0.0.1:", None),
        (":5551", None),
        ("[]:5551", None),
        ("fd00::1:5551", None),
        ("10.0.0.1:0", None),
        ("10.0.0.1:65536", None),
        ("10.0.0.1:x", None),
    ],
)
def test_split(peer: str, parts: Any) -> None:
    if parts is None:
        with pytest.raises(ValueError, match="expected a peer such as"):
            split(peer)
    else:
        assert split(peer) == parts and endpoint(*parts) == peer


def test_resolve() -> None:
    def look_up(host: str, port: int, **_kind: Any) -> Any:
        if host == "away":
            raise OSError("no such host")
        return [(2, 1, 6, "", ("fd00::9" if host == "six" else "10.0.0.9", port, 0, 0))]

    found, unknown = resolve(["host:1", "six:2", "away:3", "bad"], look_up)
    assert found == {"host:1": ("10.0.0.9", 1), "six:2": ("fd00::9", 2)}
    assert unknown["away:3"] == "no such host" and "expected a peer" in unknown["bad"]


@pytest.mark.parametrize(
    ("tried", "text"),
    [
        ({}, "no peer was named"),
        ({"a:1": "refused", "b:2": "timed out"}, "a:1: refused; b:2: timed out"),
        ({f"h{n}:1": "x" for n in range(7)}, "h0:1: x; h1:1: x; h2:1: x; h3:1: x; h4:1: x; and 2 more"),
    ],
)
def test_told(tried: dict[str, str], text: str) -> None:
    assert told(tried) == text


def test_nothing_looks_for_peers() -> None:
    made = settings(Way("fd00::1", 5551, upload_rate=7))
    assert made["listen_interfaces"] == "[fd00::1]:5551" and made["upload_rate_limit"] == 7
    looks = [name for name in made if name.startswith("enable_") and made[name]]
    assert not looks and (made["in_enc_policy"], made["out_enc_policy"]) == (0, 0)


def test_asked(tmp_path: Path) -> None:
    folders.write_peers(tmp_path, ["127.0.0.1:1", "bad"])
    connected: list[Any] = []
    asked = Asked()
    asked.look(tmp_path, connected.extend)
    asked.look(tmp_path, connected.extend)
    assert connected == [("127.0.0.1", 1)]
    said = asked.told({"127.0.0.1:1": "Connection refused", "127.0.0.1:2": "somebody else"})
    assert said["127.0.0.1:1"] == "Connection refused" and "expected a peer" in said["bad"] and len(said) == 2


def test_idleness() -> None:
    clock = [10.0]
    idleness = Idleness(lambda: clock[0])
    assert idleness.seconds(Observation("seeding")) == 0
    clock[0] = 15
    assert idleness.seconds(Observation("seeding", peers=3)) == 5, "who is connected and takes nothing does not count"
    assert idleness.seconds(Observation("seeding", sent=1)) == 0


WISH = Wish(bind_address="10.0.0.1", port=5551, upload_rate=7, peers=("a:1",))
RUNS = {**vars(WISH), "info_hash": "abc", "state": "seeding"}


@pytest.mark.parametrize(
    ("status", "wish", "same"),
    [
        (RUNS, WISH, True),
        ({**RUNS, "peers": ["b:2"]}, WISH, True),
        ({**RUNS, "port": 5552}, WISH, False),
        ({**RUNS, "port": 5552}, Wish(**{**vars(WISH), "port": 0}), True),
        ({**RUNS, "upload_rate": 8}, WISH, False),
        ({**RUNS, "idle_timeout": 8}, WISH, False),
        ({**RUNS, "info_hash": "abd"}, WISH, False),
        ({**RUNS, "state": "fetching"}, WISH, False),
        ({**RUNS, "state": "fetching"}, Wish(**{**vars(WISH), "info_hash": "abc"}), True),
        (RUNS, Wish(**{**vars(WISH), "info_hash": "abc"}), True),
        (None, WISH, False),
    ],
)
def test_serves(status: Any, wish: Wish, same: bool) -> None:
    assert share.serves(status, wish, "abc") is same


class Story:
    """What a follower sees, one status a look; the clock moves ten seconds with each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statuses: dict[str, Any], alive: bool = True) -> None:
        self._statuses, self._now = list(statuses), 0.0
        monkeypatch.setattr(share, "is_running", lambda folder: alive)
        monkeypatch.setattr(share, "read_status", self._read)

    def _read(self, folder: Path) -> dict[str, Any]:
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return {"updated": time.time(), "tried": {"a:1": ""}, "info_hash": "abc", **status}

    def _sleep(self, seconds: float) -> None:
        self._now += 10

    def follow(self, **options: Any) -> dict[str, Any]:
        return share.follow(Path("/f"), lambda status: None, clock=lambda: self._now, sleep=self._sleep, **options)


def fetching(received: int) -> dict[str, Any]:
    return {"state": "fetching", "received_bytes": received, "done_bytes": received, "total_bytes": 100}


def test_followed_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    checking = [{"state": "checking", "received_bytes": 0, "done_bytes": number} for number in range(10)]
    story = Story(monkeypatch, *checking, *[fetching(number) for number in range(9)], {"state": "seeding"})
    assert story.follow(first_byte=15, progress=15)["state"] == "seeding"


@pytest.mark.parametrize(
    ("statuses", "alive", "cause", "said"),
    [
        ([{"state": "metadata"}], True, "no_peer", "content abc from one of the peers, no byte came for 60 s"),
        ([fetching(0), fetching(3)], True, "no_progress", "rest of 100 bytes from the peers, got nothing for 120 s"),
        ([{"state": "fetching", "updated": 1}], True, "ended", "has hung"),
        ([fetching(3)], False, "ended", "stopped or killed"),
        ([{"state": "failed", "error": "x: No space left", "cause": "disk"}], False, "disk", "free some space"),
        ([{"state": "seeding"}], False, "ended", "stopped or killed"),
        ([{}], False, "ended", "stopped or killed"),
    ],
)
def test_followed_in_vain(statuses: Any, alive: bool, cause: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(share.SwarmError) as raised:
        Story(monkeypatch, *statuses, alive=alive).follow()
    assert raised.value.cause == cause and said in str(raised.value)
