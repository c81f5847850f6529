from __future__ import annotations

import base64

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _openpgp, _repository_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import RepositoryError

# Two throw-away keys, made and fingerprinted by gpg 2.2.
ONE = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawO8KBYJKwYBBAHaRw8BAQdAljAqXLLtOuu23CVupK/PUosmE40DZPyDFRSV
stHnrVW0FW9uZSA8b25lQGV4YW1wbGUuY29tPoiQBBMWCAA4FiEErZ88umZdF/03
ktFVr8URjiomhXQFAmsDvCgCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
r8URjiomhXSaaAEAnCyAS0NU14TTsd1hQb7FugaKn6Q6ifDF9jThYvoJIlEA/inr
NreD2aCBZK74y4sXiidLVjS+ttQFpDWQTDuLtOcP
=ZzEf
-----END PGP PUBLIC KEY BLOCK-----
"""
TWO = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawO8KBYJKwYBBAHaRw8BAQdAJbxxjx34cFapYJZhwmUvoZAK9ZbtdxeLwsfP
GzodfaC0FXR3byA8dHdvQGV4YW1wbGUuY29tPoiQBBMWCAA4FiEE34FRLDGt8ouK
5xMSKETaTXsVEEYFAmsDvCgCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
KETaTXsVEEYb+wD/WmNQaFNqBUC+GfZRUB+D5+g8mpOZ7s7pictaBNrwlLcA/Rn7
m/DqxSABfppkTJOt3W1dhs5gV3dP2AdlEVSx384L
=iDhW
-----END PGP PUBLIC KEY BLOCK-----
"""
FINGERPRINT_ONE = "AD9F3CBA665D17FD3792D155AFC5118E2A268574"
FINGERPRINT_TWO = "DF81512C31ADF28B8AE713122844DA4D7B151046"
BINARY_ONE = base64.b64decode("".join(ONE.splitlines()[2:7]))
BINARY_TWO = base64.b64decode("".join(TWO.splitlines()[2:7]))
# Old format, one octet of length, 51 octets.
PRIMARY = BINARY_ONE[2:53]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE.encode(), [FINGERPRINT_ONE]),
        (BINARY_ONE, [FINGERPRINT_ONE]),
        ((ONE + "some text\n" + TWO).encode(), [FINGERPRINT_ONE, FINGERPRINT_TWO]),
        (BINARY_ONE + BINARY_TWO, [FINGERPRINT_ONE, FINGERPRINT_TWO]),
        (ONE.replace("\n", "\r\n").encode(), [FINGERPRINT_ONE]),
        (
            ONE.replace("BLOCK-----\n\n", "BLOCK-----\nVersion: GnuPG v2.0.22\nComment: x\n\n", 1).encode(),
            [FINGERPRINT_ONE],
        ),
        ("\n".join(line for line in ONE.splitlines() if line[0:1] != "=").encode(), [FINGERPRINT_ONE]),
        (b"\xc6\x33" + PRIMARY, [FINGERPRINT_ONE]),
        (b"\xc6\xff\x00\x00\x00\x33" + PRIMARY, [FINGERPRINT_ONE]),
        (b"\x99\x00\x33" + PRIMARY, [FINGERPRINT_ONE]),
    ],
)
def test_fingerprints(data: bytes, expected: list[str]) -> None:
    packets = _openpgp.dearmor(data)
    assert _openpgp.fingerprints(packets) == expected
    assert _openpgp.dearmor(_openpgp.armor(packets).encode()) == packets


def test_armor_is_one_block_of_short_lines_with_the_checksum() -> None:
    # The very text of gpg, when the packets have the headers that gpg gives them.
    assert _openpgp.armor(BINARY_ONE) == ONE


def test_what_belongs_to_no_public_key_is_dropped() -> None:
    compressed = b"\xc8\x03\x01\x02\x03"
    assert _openpgp.dearmor(BINARY_ONE + compressed) == _openpgp.dearmor(BINARY_ONE)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><p>Log in", "it is a web page"),
        (b"\0\0\0\x20\1\1\0\2KBXf" + b"\0" * 20, "it is a keybox"),
        (b"-----BEGIN PGP SIGNATURE-----\n\nx\n", "it is a PGP signature, not a public key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n", "it is a PGP private key block"),
        (b"hello", "it is neither armored nor binary OpenPGP"),
        (ONE.replace("mDME", "mD-E").encode(), "its armor is damaged"),
        (BINARY_ONE[:40], "it ends in the middle of a packet"),
        (BINARY_ONE + b"\x99", "it ends in the middle of a packet"),
        (BINARY_ONE + b"x", "begins no OpenPGP packet"),
        (b"\xc5\x02\x04\x00", "a SECRET key"),
        (b"\xc6\xe1\x04", "of partial length"),
        (b"\x9b\x04", "of unknown length"),
        (b"\xc6\x02\x06\x00", "a key of version 6"),
        (b"\xc6\x00", "a key of version 0"),
        (b"\xcd\x01x", "it holds no public key"),
    ],
)
def test_what_is_no_public_key(data: bytes, expected: str) -> None:
    with pytest.raises(_openpgp.KeyFormatError, match=expected):
        _openpgp.fingerprints(_openpgp.dearmor(data))


def test_only_wanted_keys_pass() -> None:
    armored, found = _repository_key.checked(ONE.encode(), [FINGERPRINT_TWO, FINGERPRINT_ONE], "a test")
    assert found == [FINGERPRINT_ONE]
    assert _openpgp.fingerprints(_openpgp.dearmor(armored.encode())) == found
    with pytest.raises(RepositoryError, match=f"{FINGERPRINT_ONE} from a test, found {FINGERPRINT_TWO}; if the vendor"):
        _repository_key.checked((ONE + TWO).encode(), [FINGERPRINT_ONE], "a test")
