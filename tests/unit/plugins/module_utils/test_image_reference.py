from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import (
    ImageNameError,
    familiar,
    is_digest,
    mirrored,
    parse_reference,
)

D = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "registry", "path", "tag", "digest", "whole"),
    [
        ("vllm/vllm-openai:v0.33.0", "docker.io", "vllm/vllm-openai", "v0.33.0", "", "vllm/vllm-openai:v0.33.0"),
        ("vllm/vllm-openai", "docker.io", "vllm/vllm-openai", "latest", "", "vllm/vllm-openai:latest"),
        ("ubuntu", "docker.io", "library/ubuntu", "latest", "", "ubuntu:latest"),
        ("docker.io/ubuntu:24.04", "docker.io", "library/ubuntu", "24.04", "", "docker.io/ubuntu:24.04"),
        ("localhost/x:1", "localhost", "x", "1", "", "localhost/x:1"),
        ("10.0.0.1:5000/a/b", "10.0.0.1:5000", "a/b", "latest", "", "10.0.0.1:5000/a/b:latest"),
        ("r.example.com/a@" + D, "r.example.com", "a", "", D, "r.example.com/a@" + D),
        ("r.example.com:5000/a/b:1@" + D, "r.example.com:5000", "a/b", "1", D, "r.example.com:5000/a/b:1@" + D),
    ],
)
def test_a_name_taken_apart(text: str, registry: str, path: str, tag: str, digest: str, whole: str) -> None:
    found = parse_reference(text)
    assert (found.registry, found.path, found.tag, found.digest, found.text) == (registry, path, tag, digest, whole)


@pytest.mark.parametrize(
    "text",
    ["", "Upper/x:1", "a/b:", "a b", "a/b@sha256:12", "a/b@md5:1", "a//b", "a/b:t g", "a/b:-x", "sha256:é", "/a"],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ImageNameError, match="expected"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "mirror", "wanted"),
    [
        ("vllm/vllm-openai:v1", "m.example.com:5000", "m.example.com:5000/vllm/vllm-openai:v1"),
        ("ghcr.io/a/b:1", "m.example.com/hub/", "m.example.com/hub/a/b:1"),
        ("ubuntu", "m.example.com", "m.example.com/library/ubuntu:latest"),
        ("a/b@" + D, "m.example.com", "m.example.com/a/b@" + D),
    ],
)
def test_the_name_at_a_mirror(text: str, mirror: str, wanted: str) -> None:
    assert mirrored(parse_reference(text), mirror).text == wanted


@pytest.mark.parametrize("mirror", ["http://m.example.com", "", "/", "M/x y"])
def test_what_is_no_mirror(mirror: str) -> None:
    with pytest.raises(ImageNameError, match="mirror"):
        mirrored(parse_reference("a/b:1"), mirror)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("docker.io/library/ubuntu", "ubuntu:latest"),
        ("index.docker.io/vllm/x:1", "vllm/x:1"),
        ("r.example.com/x:1", "r.example.com/x:1"),
    ],
)
def test_two_spellings_of_a_name(one: str, other: str) -> None:
    assert familiar(one) == familiar(other) == other


def test_digests() -> None:
    assert is_digest(D) and not is_digest("sha256:12") and not is_digest(D + "0") and not is_digest("ab" * 32)
