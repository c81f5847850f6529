# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: openpgp - the public keys of a file: their fingerprints, and the file written anew from what was read.

Formats and fingerprints: RFC 9580, sections 4.2 (packets), 5.5.4 (fingerprints) and 6 (armor).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_BLOCK = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_OTHER_BLOCK = re.compile(rb"-----BEGIN PGP ([A-Z ]+)-----")
_PRIMARY_KEY = 6
_SECRET_KEYS = (5, 7)
# Signature, primary key, user id, subkey, user attribute: what a public key is made of.
_KEY_PARTS = (2, _PRIMARY_KEY, 13, 14, 17)


class KeyFormatError(ValueError):
    """Bytes are not the public keys that were expected; the text says what they are."""


def fingerprints(packets: bytes) -> list[str]:
    """Return the fingerprint of each primary key, as 40 upper-case hex digits, in the order of the file."""
    found = [_fingerprint(body) for tag, body in _packets(packets) if tag == _PRIMARY_KEY]
    if not found:
        raise KeyFormatError("it holds no public key")
    return found


def dearmor(data: bytes) -> bytes:
    """Return the packets of a key file, armored (also several blocks) or binary.

    Only what belongs to public keys is kept, so that no reader of the result can find more in it than `fingerprints`.
    """
    raw = data if data[:1] and data[0] & 0x80 else b"".join(_blocks(data))
    return b"".join(_packet(tag, body) for tag, body in _packets(raw) if tag in _KEY_PARTS)


def armor(packets: bytes) -> str:
    """Return packets as one armored block: apt reads no more than the first block of a file, rpm wants armor."""
    text = base64.b64encode(packets).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    checksum = base64.b64encode(_crc24(packets).to_bytes(3, "big")).decode("ascii")
    header, footer = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    return "\n".join([header, "", *lines, f"={checksum}", footer, ""])


def _blocks(data: bytes) -> Iterator[bytes]:
    bodies = _BLOCK.findall(data.replace(b"\r\n", b"\n"))
    if not bodies:
        raise KeyFormatError(_what_else(data))
    for body in bodies:
        # Header lines, a blank line, the text, and its checksum, which section 6.1 wants ignored when it is wrong.
        _unused, _blank, text = (b"\n" + body).replace(b"\n\n\n", b"\n\n").partition(b"\n\n")
        lines = [line.strip() for line in text.split(b"\n")]
        try:
            yield base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")), validate=True)
        except binascii.Error as exc:
            raise KeyFormatError(f"its armor is damaged: {exc}") from exc


def _what_else(data: bytes) -> str:
    other = _OTHER_BLOCK.search(data)
    if other:
        return f"it is a PGP {other.group(1).decode('ascii').lower()}, not a public key"
    if data[8:12] == b"KBXf":
        return "it is a keybox of GnuPG; export the key with `gpg --export --armor`"
    if data.lstrip()[:1] == b"<":
        return "it is a web page"
    return "it is empty" if not data.strip() else "it is neither armored nor binary OpenPGP"


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, length, position = _header(data, position)
        if position + length > len(data):
            raise KeyFormatError("it ends in the middle of a packet")
        if tag in _SECRET_KEYS:
            raise KeyFormatError("it holds a SECRET key: keep that away from hosts, and give the public key")
        yield tag, data[position : position + length]
        position += length


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    """Return tag, length of the body, and where the body begins."""
    first = data[position]
    if not first & 0x80:
        raise KeyFormatError(f"byte {position} begins no OpenPGP packet")
    if first & 0x40:
        octet = _integer(data, position + 1, 1)
        if octet < 192:
            return first & 0x3F, octet, position + 2
        if octet < 224:
            return first & 0x3F, ((octet - 192) << 8) + _integer(data, position + 2, 1) + 192, position + 3
        if octet == 255:
            return first & 0x3F, _integer(data, position + 2, 4), position + 6
        raise KeyFormatError("it has a packet of partial length, which keys have not")
    size = {0: 1, 1: 2, 2: 4}.get(first & 3)
    if size is None:
        raise KeyFormatError("it has a packet of unknown length, which keys have not")
    return (first >> 2) & 0x0F, _integer(data, position + 1, size), position + 1 + size


def _integer(data: bytes, position: int, size: int) -> int:
    octets = data[position : position + size]
    if len(octets) < size:
        raise KeyFormatError("it ends in the middle of a packet")
    return int.from_bytes(octets, "big")


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def _fingerprint(body: bytes) -> str:
    version = body[0] if body else 0
    if version != 4:
        raise KeyFormatError(f"it holds a key of version {version}; the signatures of apt and rpm need version 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()


def _crc24(data: bytes) -> int:
    """Return the armor's checksum (RFC 9580, section 6.1)."""
    value = 0xB704CE
    for octet in data:
        value ^= octet << 16
        for _unused in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= 0x1864CFB
    return value & 0xFFFFFF
