# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image reference - an image's name taken apart: registry, path, tag, digest.

The grammar is that of https://pkg.go.dev/github.com/distribution/reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = "docker.io"
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageNameError(ValueError):
    """This is no image's name; the message says what one looks like."""


@dataclass(frozen=True)
class Reference:
    """An image's name. `name` is it without tag and digest, as it was written."""

    name: str
    registry: str
    path: str
    tag: str
    digest: str

    @property
    def tagged(self) -> str:
        """Return the name with its tag, which an image can be given; empty for a name by digest alone."""
        return f"{self.name}:{self.tag}" if self.tag else ""

    @property
    def by_digest(self) -> str:
        """Return the name with its digest; empty when it has none."""
        return f"{self.name}@{self.digest}" if self.digest else ""

    @property
    def text(self) -> str:
        """Return the whole name, the tag `latest` where neither tag nor digest was written."""
        return (self.tagged or self.name) + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Take a name apart. Raises ImageNameError."""
    rest, at, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:  # that colon is a port's
        name, colon, tag = rest, "", ""
    registry, path = _registry_and_path(name)
    if not _PATH.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
        raise ImageNameError(
            f"expected an image's name such as vllm/vllm-openai:v0.33.0, found {text!r}; names are lower case"
        )
    if at and not _DIGEST.fullmatch(digest):
        raise ImageNameError(f"expected sha256: and 64 hexadecimal digits after the @ of an image, found {text!r}")
    return Reference(name, registry, path, tag or ("" if digest else "latest"), digest)


def mirrored(reference: Reference, mirror: str) -> Reference:
    """Return the image's name at a mirror, such as mirror.example.com:5000 or mirror.example.com/hub.

    Raises ImageNameError.
    """
    prefix = mirror.rstrip("/")
    if "://" in prefix or not prefix:
        raise ImageNameError(
            f"expected a mirror such as mirror.example.com:5000, without http://, found {mirror!r}; the engine decides "
            "whether it asks for a certificate (insecure-registries in daemon.json)"
        )
    registry, path = _registry_and_path(f"{prefix}/{reference.path}")
    if not _PATH.fullmatch(path):
        raise ImageNameError(f"expected a mirror such as mirror.example.com:5000, found {mirror!r}")
    return Reference(f"{prefix}/{reference.path}", registry, path, reference.tag, reference.digest)


def is_digest(text: str) -> bool:
    """Tell whether a text is sha256: with 64 hexadecimal digits."""
    return bool(_DIGEST.fullmatch(text))


def familiar(text: str) -> str:
    """Return a name as the engine shows it, so that two spellings of one name are equal."""
    found = parse_reference(text)
    path = found.path
    if found.registry == HUB:
        shown = path[len("library/") :] if path.startswith("library/") else path
    else:
        shown = f"{found.registry}/{path}"
    return shown + (f":{found.tag}" if found.tag else "") + (f"@{found.digest}" if found.digest else "")


def _registry_and_path(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, rest
    else:
        registry, path = HUB, name
    if registry in (HUB, "index.docker.io"):
        return HUB, path if "/" in path else f"library/{path}"
    return registry, path
