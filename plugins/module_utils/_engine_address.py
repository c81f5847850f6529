# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine address - whether an engine is reached by a socket of the host, or by the network, and then how.

Who may talk to a Docker Engine is root on its host. By the network that is done with certificates of both sides, which
are named as the docker command has them named: DOCKER_TLS_VERIFY, and DOCKER_CERT_PATH for the folder with ca.pem,
cert.pem and key.pem (https://docs.docker.com/engine/security/protect-access/).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

_FILES = ("ca.pem", "cert.pem", "key.pem")
_REMEDIES = (
    (
        r"self.signed|unable to get (?:local )?issuer|unknown ca",
        "the engine's certificate is not of the authority in ca.pem: take the ca.pem that signed it",
    ),
    (
        r"[Hh]ostname mismatch|IP address mismatch|doesn't match|not valid for",
        "the engine's certificate is for another name: address it by one that is in it, or have it made anew",
    ),
    (
        r"certificate required|bad certificate|alert.*certificate|handshake failure",
        "the engine wants a certificate of this client, signed by its authority: put cert.pem and key.pem beside "
        "ca.pem",
    ),
    (r"certificate has expired|not yet valid", "have the certificate made anew, and look at the clocks of both hosts"),
    (r"certificate verify failed", "have the certificates made anew, with all that the error says is missing"),
    (
        r"[Cc]lient sent an HTTP request to an HTTPS server|WRONG_VERSION_NUMBER|wrong version number",
        "one side speaks TLS and the other does not: set DOCKER_TLS_VERIFY to 1 for the task, or start the engine with "
        "tlsverify",
    ),
)


class AddressError(Exception):
    """The engine shall not be, or cannot be, reached so."""


@dataclass(frozen=True)
class Certificates:
    """The files that prove the engine to this side, and this side to the engine."""

    ca: str
    client: Optional[tuple[str, str]]


def certificates(docker_host: str, environment: Mapping[str, str]) -> Optional[Certificates]:
    """Return the certificates to reach an engine with; None for one that is reached without the network.

    Raises AddressError for an address in the network where they are not asked for, and where they are missing.
    """
    parts = urlsplit(docker_host)
    if parts.scheme not in ("tcp", "http", "https"):
        return None
    if not environment.get("DOCKER_TLS_VERIFY"):
        if _is_here(parts.hostname or ""):
            return None
        raise AddressError(
            f"expected {docker_host} to be reached with TLS, found no DOCKER_TLS_VERIFY in the environment of the "
            "module; without it all is sent in the clear, and whoever reaches that port is root there. Set "
            "DOCKER_TLS_VERIFY to 1 and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem (environment of "
            "the play), or run on that host, by its unix:// socket"
        )
    folder = Path(environment.get("DOCKER_CERT_PATH") or Path(environment.get("HOME", "/root")) / ".docker")
    there = {name: folder / name for name in _FILES if (folder / name).is_file()}
    if "ca.pem" not in there or len(there) == 2:
        missing = ", ".join(name for name in _FILES if name not in there)
        raise AddressError(
            f"expected ca.pem, cert.pem and key.pem in {folder} for the engine at {docker_host}, found no {missing}; "
            "put them there, or correct DOCKER_CERT_PATH"
        )
    client = (str(there["cert.pem"]), str(there["key.pem"])) if len(there) == len(_FILES) else None
    return Certificates(str(there["ca.pem"]), client)


def remedy(text: str) -> str:
    """Return what to do about an error of TLS; empty for another one."""
    return next((what for pattern, what in _REMEDIES if re.search(pattern, text)), "")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
