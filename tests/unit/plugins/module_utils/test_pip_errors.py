from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pip_errors import explain

UNREACHABLE = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("HTTPConnection(host='127.0.0.1'): \
Failed to establish a new connection: [Errno 111] Connection refused")': /simple/docker/
ERROR: Could not find a version that satisfies the requirement docker==7.2.0 (from versions: none)
ERROR: No matching distribution found for docker==7.2.0
"""


@pytest.mark.parametrize(
    ("said", "cause", "remedy"),
    [
        (UNREACHABLE, "the index X cannot be reached (WARNING: Retrying", "gpt_oss_bundle"),
        (
            "ERROR: Could not find a version that satisfies the requirement docker==7.2.0 (from versions: 7.1.0)\n"
            "ERROR: No matching distribution found for docker==7.2.0",
            "the index X has no fitting file for CPython 3.12.1",
            "bundle_pythons",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    docker==7.2.0 from ...",
            "a file from the index X is another than the locked one",
            "synchronise the mirror",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
            "free",
        ),
        ("ERROR: [Errno 13] Permission denied: '/opt/gpt_oss'", "the folder cannot be written", "become"),
        ("ERROR: 403 Client Error: Forbidden for url: http://x/", "the index X refuses access", "credentials"),
        (
            "SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))",
            "the TLS certificate of the index X",
            "CA",
        ),
        ("Something new\nof pip's", "Something new / of pip's", "pip's settings"),
        ("", "nothing was said", "pip's settings"),
    ],
)
def test_explain(said: str, cause: str, remedy: str) -> None:
    told = explain(said, "the index X", "CPython 3.12.1")
    assert cause in told
    assert remedy in told
