# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: repository_key - the key that signs a repository, fetched and compared with the expected fingerprints."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.urls import open_url
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _openpgp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import RepositoryError

# Keys of real repositories have 2 to 20 KB. More is not a key.
_LARGEST = 1 << 20


class KeyUnreachableError(RepositoryError):
    """The key could not be had; it may be had later."""


def is_url(key: str) -> bool:
    """Return whether a key must be fetched over the network."""
    return key.startswith(("http://", "https://"))


def obtain(key: str, timeout: float) -> bytes:
    """Return the key file that `key` names: a URL, a path on this host, or the armored text itself."""
    if key.lstrip().startswith("-----BEGIN"):
        return key.encode("utf-8")
    try:
        if is_url(key):
            return bytes(open_url(key, timeout=timeout, http_agent="gpt_oss.fleet").read(_LARGEST))
        return Path(urllib.parse.unquote(key[7:]) if key.startswith("file://") else key).read_bytes()
    except (OSError, urllib.error.URLError, http.client.HTTPException) as exc:
        remedy = "check the network, the proxy and the URL" if is_url(key) else "put the key there, or correct key"
        raise KeyUnreachableError(
            f"expected the repository's key at {key}, could not read it: {exc}; {remedy}"
        ) from exc


def checked(data: bytes, wanted: Iterable[str], origin: str) -> tuple[str, list[str]]:
    """Return the armored key and its fingerprints, each of which is wanted; one surplus key spoils the file.

    A key that is not expected but lies in the file could sign the repository just as well.
    """
    expected = sorted(wanted)
    try:
        packets = _openpgp.dearmor(data)
        found = _openpgp.fingerprints(packets)
    except _openpgp.KeyFormatError as exc:
        raise RepositoryError(f"expected an OpenPGP public key from {origin}, found that {exc}; correct key") from exc
    surplus = [fingerprint for fingerprint in found if fingerprint not in expected]
    if surplus:
        raise RepositoryError(
            f"expected only keys of the fingerprints {', '.join(expected)} from {origin}, found {', '.join(surplus)}; "
            "if the vendor has announced that key, add it to fingerprints, else do not trust this source"
        )
    return _openpgp.armor(packets), found
