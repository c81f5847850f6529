# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: pip_errors - what pip says when it cannot install, and what to do about it. Pure."""

from __future__ import annotations

import re

# The first pattern that matches names the cause. pip's own texts and the system's; seen with pip 22.0 to 26.3.
_CAUSES = (
    (
        r"No space left on device|Disk quota exceeded",
        "the disk is full",
        "free about 200 MB there, or place the environment elsewhere (gpt_oss_environment_path)",
    ),
    (
        r"Permission denied|Read-only file system",
        "the folder cannot be written",
        "run as a user who may write it (become), or place it elsewhere (gpt_oss_environment_path)",
    ),
    (
        r"DO NOT MATCH THE HASHES|Expected sha256",
        "a file from {source} is another than the locked one",
        "synchronise the mirror, or make the folder of wheels again; for wheels that you build yourself set "
        "hf_cache_requirements to requirements of your own, without hashes",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "the TLS certificate of {source} is not trusted",
        "install its CA on the host, or set the certificate in the host's pip.conf",
    ),
    (
        r"\b(401|403|407) (Client )?Error|Unauthorized|Forbidden|Proxy Authentication Required",
        "{source} refuses access",
        "check the credentials and the proxy in the host's pip.conf",
    ),
    (
        r"NewConnectionError|Max retries exceeded|Failed to establish|[Nn]ame (or service not known|resolution)"
        r"|Connection (refused|reset|broken|timed out)|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable"
        r"|Read timed out|RemoteDisconnected|ProtocolError|IncompleteRead",
        "{source} cannot be reached",
        "check the network and the proxy, name a mirror with hf_cache_index_url, or without a network take a folder of "
        "wheels (gpt_oss_bundle or hf_cache_wheels; the playbook gpt_oss.fleet.bundle makes it)",
    ),
    (
        r"No matching distribution found|Could not find a version",
        "{source} has no fitting file for {python}",
        "make the folder of wheels for this Python (bundle_pythons), complete the mirror, or name another Python with "
        "hf_cache_python_command",
    ),
    (
        r"Failed building wheel|error: command .* failed|metadata-generation-failed",
        "a package had to be compiled, which failed",
        "take a Python for which there are wheels, with hf_cache_python_command",
    ),
)


def explain(said: str, source: str, python: str) -> str:
    """Return cause, the decisive line and remedy. `source` is the index or folder, `python` such as CPython 3.12."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for pattern, cause, remedy in _CAUSES:
        for line in lines:
            if re.search(pattern, line):
                return f"{cause.format(source=source, python=python)} ({_short(line)}); {remedy}"
    return f"{_short(' / '.join(lines[-3:])) or 'nothing was said'}; look at pip's settings on the host"


def _short(line: str, most: int = 400) -> str:
    return line if len(line) <= most else line[:most] + "…"
