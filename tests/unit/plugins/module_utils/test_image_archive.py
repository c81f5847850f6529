from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_archive import Scanner, contents, plain


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(files: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=form) as target:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
        folder = tarfile.TarInfo("folder/")
        folder.type = tarfile.DIRTYPE
        target.addfile(folder)
    return archive.getvalue()


def scanned(data: bytes, size: int) -> dict[str, bytes]:
    scanner = Scanner()
    for begin in range(0, len(data), size):
        scanner.feed(data[begin : begin + size])
    return scanner.files


LAYER = os.urandom(3 << 20)
LONG = "blobs/" + "x" * 150
FILES = {"a.json": b"{}", "layer.tar": LAYER, "empty": b"", LONG: b"long", "./manifest.json": b"[1]"}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("size", [511, 512, 4096, 1 << 20, 1 << 24])
def test_small_files_are_seen_however_the_stream_is_cut(form: int, size: int) -> None:
    files = {name: content for name, content in FILES.items() if form != tarfile.USTAR_FORMAT or name != LONG}
    found = scanned(tar(files, form), size)
    wanted = {name.lstrip("./"): content for name, content in files.items() if name != "layer.tar"}
    assert found == wanted, "and no layer is kept"


@pytest.mark.parametrize("size", [1, 7])
def test_a_byte_at_a_time(size: int) -> None:
    assert scanned(tar({"a": b"x" * 600, "b": b"y"}), size) == {"a": b"x" * 600, "b": b"y"}


@pytest.mark.parametrize("data", [b"", b"text " * 1000, os.urandom(5000), b"\0" * 2048])
def test_what_is_no_tar_archive(data: bytes) -> None:
    assert scanned(data, 100) == {}


def test_memory_is_bounded() -> None:
    many = {str(number): bytes(1 << 20) for number in range(20)}
    assert sum(len(content) for content in scanned(tar(many), 1 << 20).values()) <= 16 << 20


CONFIG = b'{"architecture": "amd64"}'


def layout(config: bytes, **wrong: bytes) -> dict[str, bytes]:
    """Return the files of an archive of Docker 25 and newer."""
    blob = json.dumps({"config": {"digest": digest(config)}, "layers": []}).encode()
    index = json.dumps({"manifests": [{"digest": digest(blob)}]}).encode()

    def path(content: bytes) -> str:
        return "blobs/" + digest(content).replace(":", "/")

    rows = [{"Config": path(config), "RepoTags": ["a/b:1"], "Layers": []}]
    outer = json.dumps({"manifests": [{"digest": digest(index)}]}).encode()
    files = {path(config): config, path(blob): blob, path(index): index}
    return {**files, "index.json": outer, "manifest.json": json.dumps(rows).encode(), **wrong}


def test_an_archive_of_an_old_engine() -> None:
    name = hashlib.sha256(CONFIG).hexdigest() + ".json"
    rows = [{"Config": name, "RepoTags": ["a/b:1", "a/b:2"], "Layers": []}]
    (found,) = contents({name: CONFIG, "manifest.json": json.dumps(rows).encode()})
    assert (found.config_digest, found.tags) == (digest(CONFIG), ("a/b:1", "a/b:2"))
    assert found.digests == {digest(CONFIG)}


def test_an_archive_that_names_its_manifests() -> None:
    (found,) = contents(layout(CONFIG))
    assert found.config_digest == digest(CONFIG) and len(found.digests) == 3


def test_a_lie_about_a_digest_is_not_believed() -> None:
    lying = {"lie.json": CONFIG, "manifest.json": b'[{"Config": "lie.json", "RepoTags": null}]'}
    assert [content.config_digest for content in contents(lying)] == [digest(CONFIG)]
    files = layout(CONFIG)
    told = json.loads(files["index.json"])["manifests"][0]["digest"]
    forged = {**files, "blobs/" + told.replace(":", "/"): files["blobs/" + told.replace(":", "/")] + b" "}
    assert contents(forged)[0].digests == {digest(CONFIG)}


@pytest.mark.parametrize(
    "files",
    [{}, {"manifest.json": b"no json"}, {"manifest.json": b"{}"}, {"manifest.json": b'[{"Config": "missing"}]'}],
)
def test_an_archive_of_something_else(files: dict[str, bytes]) -> None:
    assert contents(files) == []


def pieces(data: bytes, size: int) -> Any:
    return (data[begin : begin + size] for begin in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_packed_and_plain(size: int) -> None:
    data = os.urandom(3000)
    for packed in (data, gzip.compress(data), gzip.compress(data[:999]) + gzip.compress(data[999:]) + bytes(512)):
        wanted = data if packed != data else packed
        if size == 1 and packed != data:
            continue  # the mark of gzip is two bytes
        assert b"".join(plain(pieces(packed, size))) == wanted


def test_packed_and_torn() -> None:
    packed = gzip.compress(os.urandom(3000))
    with pytest.raises(EOFError):
        list(plain(pieces(packed[:-100], 100)))
    with pytest.raises(zlib.error):
        list(plain([packed[:100] + b"xxxx" + packed[104:]]))


def test_what_grows_a_thousandfold_comes_in_pieces() -> None:
    packed = gzip.compress(bytes(100 << 20), 9)
    sizes = [len(piece) for piece in plain([packed])]
    assert sum(sizes) == 100 << 20 and max(sizes) <= 16 << 20
