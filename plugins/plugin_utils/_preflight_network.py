# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight network, whether the servers' ports are free and the Hub and registries can be reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem, number
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

DEFAULT_PORT = 8000
_DEFAULT_ADDRESS = "127.0.0.1"
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


def ports(case: Case) -> Iterator[Problem]:
    """Does somebody else listen where a server shall? What is ours is left to the role vllm, which replaces it."""
    own = list(case.own_containers())
    for server in case.wanted.servers:
        port = number(server.get("port", DEFAULT_PORT))
        found = (case.host.get("ports") or {}).get(str(port)) or {}
        if not found.get("used") or _is_own(port, found, own):
            continue
        address = str(server.get("bind_address") or _DEFAULT_ADDRESS)
        if _overlap(address, found.get("addresses") or []):
            remedy = f"stop it (ss -ltnp 'sport = {port}' shows it), or give server {server.get('name')} another port"
            holder = str(found.get("by") or "a process that cannot be told")
            yield problem("port_taken", "error", f"port {port}", "free", f"{holder} listens on it", remedy)


def addresses(case: Case) -> Iterator[Problem]:
    """Are the Hub and the registries reached?"""
    for url, found in (case.host.get("addresses") or {}).items():
        if not found.get("ok"):
            remedy = "open the way, set a proxy or a mirror, or set gpt_oss_offline if all is on the host already"
            error = _ERRNO.sub("", str(found.get("error") or f"status {found.get('status')}"))
            name = urlsplit(url).netloc or url
            yield problem("address_unreachable", "warning", "network", "an answer", f"{name}: {error}", remedy)


def _is_own(port: int, found: Mapping[str, Any], own: list[Mapping[str, Any]]) -> bool:
    return any(port in (row.get("ports") or []) or found.get("container") == row.get("id") for row in own)


def _overlap(address: str, others: list[str]) -> bool:
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return True
    held = [ipaddress.ip_address(other) for other in others]
    return not held or any(wanted == one or wanted.is_unspecified or one.is_unspecified for one in held)
