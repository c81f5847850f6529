# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: index_errors - what apt and dnf say when an index cannot be read, and what to do about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The first pattern that matches names the cause. apt's own texts, gpgv's status words, those of Sequoia's sqv (apt 3),
# and dnf's; seen with apt 2.6 and 3.0 and dnf 4.14 against repositories so broken.
_CAUSES = (
    (
        r"SHA-?1 (is )?not (be )?considered secure|SHA1.*(rejected|insecure|policy)|[Ww]eak (digest|algorithm)",
        "the key or the signature uses SHA-1, which this system refuses",
        "use the repository's newer key, or the vendor's repository for this release of the distribution",
    ),
    (
        r"EXPKEYSIG|KEYEXPIRED|key (is|has) expired|Expired on",
        "the signing key has expired",
        "take the renewed key from the vendor",
    ),
    (
        r"NO_PUBKEY|BADSIG|Missing key|signatures? (couldn't be|could not be) verified|signatures were invalid"
        r"|sqv returned an error code|Signing key not found|signature verification error|Bad GPG signature|Bad PGP",
        "it is not signed by the given key",
        "compare key with the one the vendor announces; a mirror must carry the original signatures",
    ),
    (
        r"[Hh]ash [Ss]um mismatch|unexpected size|[Cc]hecksum|clearsigned file isn't valid|NOSPLIT|NODATA",
        "its files do not match its signed list of checksums",
        "mirror or folder is half synchronised, altered, or behind a login page or proxy: synchronise it again",
    ),
    (
        r"is expired|invalid for another|not valid (yet|until)",
        "the index is out of date or from the future",
        "check this host's clock, and synchronise the mirror again",
    ),
    (
        r"is not signed|GPG signature is not available|NOTSIGNED",
        "it is not signed",
        "mirror the signatures too, or set trusted for a folder whose contents you vouch for",
    ),
    (r"component misspelt", "it has no such component", "correct components"),
    (
        r"(404|410)\b|Not Found|File not found|No such file|does not have a Release file|Couldn't open file",
        "there is no index at this address",
        "correct uri and suite, or mirror this suite",
    ),
    (r"\b(401|403|407)\b|Forbidden|Unauthorized", "the server refuses access", "check the credentials and the proxy"),
    (r"[Cc]ertificate|SSL|TLS|handshake", "its TLS certificate is not trusted", "install the mirror's CA on this host"),
    (
        r"([Cc]ould not|[Uu]nable to) (connect|resolve)|[Cc]onnection (refused|failed|timed out|reset)|resolving"
        r"|unreachable|[Tt]imeout|timed out|Could not wait for server|Couldn't connect",
        "the server cannot be reached",
        "check the network, the proxy and uri",
    ),
    (r"[Pp]ermission denied", "its files cannot be read", "make the folder and its parents readable for all users"),
    (r"No space left", "the disk is full", "free space below /var"),
)


def explain(lines: Iterable[str]) -> str:
    """Return cause, the decisive line, and remedy."""
    said = [line.strip() for line in lines if line.strip() and "Some index files failed" not in line]
    for pattern, cause, remedy in _CAUSES:
        for line in said:
            if re.search(pattern, line):
                return f"{cause} ({line}); {remedy}"
    return f"{' / '.join(said[-3:]) or 'nothing was said'}; correct uri, suite and key"
