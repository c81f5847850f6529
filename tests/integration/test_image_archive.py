"""The module vllm_image and archives of `docker save`: plain, packed, torn, and with another image inside."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from conftest import Seen
from image_harness import Images

SIZE = 3_000_000


@pytest.fixture
def images(engine: docker.APIClient, tmp_path: Path) -> Iterator[Images]:
    """The test's images."""
    made = Images(engine, tmp_path / "state")
    yield made
    made.clear()


@pytest.fixture
def archive(images: Images, tmp_path: Path) -> tuple[Path, str]:
    """An archive of an image that is no longer here, and its id."""
    image_id = images.make(size=SIZE)
    path = images.save(tmp_path / "image.tar")
    images.remove()
    return path, image_id


def packed(path: Path) -> Path:
    target = path.with_suffix(".tar.gz")
    target.write_bytes(gzip.compress(path.read_bytes(), 1))
    return target


@pytest.mark.parametrize("pack", [False, True])
def test_loaded_once(images: Images, archive: tuple[Path, str], pack: bool) -> None:
    path, image_id = archive
    wanted = {"source": "archive", "archive": str(packed(path) if pack else path), "digest": image_id}
    told = images.image(**wanted, check_mode=True)
    assert (told["changed"], told["present"], images.id()) == (True, False, ""), told
    result = images.image(**wanted)
    assert (result["changed"], result["source"], result["image_id"]) == (True, "archive", image_id), result
    assert (result["bytes_moved"], result["layers"]) == (Path(wanted["archive"]).stat().st_size, 1)
    assert images.image(**wanted)["changed"] is False
    assert images.image(**wanted, pull="always")["changed"] is False
    assert images.image(**wanted, pull="never", check_mode=True)["changed"] is False


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.97])
@pytest.mark.fault(
    kind="corrupted image",
    stage="images",
    fault="an archive of an image is cut off, at any place",
    sees="expected … the archive … torn",
    kept="the image that bore the name before; nothing of the archive",
    next_run="loads the archive once it is whole",
)
def test_a_torn_archive(
    images: Images, archive: tuple[Path, str], tmp_path: Path, pack: bool, part: float, seen: Seen
) -> None:
    content = (packed(archive[0]) if pack else archive[0]).read_bytes()
    torn = tmp_path / "torn"
    torn.write_bytes(content[: int(len(content) * part)])
    before = images.make()
    result = images.image(source="archive", archive=str(torn), digest=archive[1])
    assert result["failed"] and str(torn) in result["msg"], result
    assert (images.id(), images.id(archive[1])) == (before, "")
    seen(result["msg"])


def test_another_image_inside(images: Images, archive: tuple[Path, str], tmp_path: Path) -> None:
    other = f"{images.prefix}/other:1"
    other_id = images.make(other)
    wrong = str(images.save(tmp_path / "wrong.tar", other))
    images.remove(other)
    before = images.make(other)
    refused = images.image(source="archive", archive=wrong)
    assert refused["failed"] and other in refused["msg"] and other_id in refused["msg"], refused
    assert (images.id(), images.id(other)) == ("", before), "the names are as they were"
    assert images.id(other_id) == "", "and what came is gone"
    taken = images.image(source="archive", archive=wrong, digest=other_id)
    assert (taken["image_id"], images.id(), images.id(other)) == (other_id, other_id, before), taken


def test_another_one_under_the_name(images: Images, archive: tuple[Path, str]) -> None:
    before = images.make()
    expected = "sha256:" + "0" * 64
    result = images.image(source="archive", archive=str(archive[0]), digest=expected)
    assert result["failed"] and archive[1] in result["msg"] and expected in result["msg"], result
    assert (images.id(), images.id(archive[1])) == (before, "")


def test_without_a_name_inside(images: Images, tmp_path: Path) -> None:
    image_id = images.make()
    nameless = str(images.save(tmp_path / "nameless.tar", image_id))
    images.remove()
    refused = images.image(source="archive", archive=nameless)
    assert refused["failed"] and "without a name" in refused["msg"] and images.id(image_id) == "", refused
    assert images.image(source="archive", archive=nameless, digest=image_id)["image_id"] == image_id == images.id()


def test_what_is_no_archive(images: Images, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive " * 1000)
    for path in (tmp_path / "text", tmp_path / "missing", tmp_path):
        result = images.image(source="archive", archive=str(path))
        assert result["failed"] and str(path) in result["msg"], result
    digest = images.image(image=f"{images.prefix}/tiny@sha256:{'0' * 64}", source="archive", archive="/x")
    assert digest["failed"] and "Name it by tag" in digest["msg"], digest
