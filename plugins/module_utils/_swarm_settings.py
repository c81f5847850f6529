# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm settings - what libtorrent is told for a fleet in one data centre; its defaults are for strangers.

Peers are named, never looked for: no tracker, DHT, local discovery, port mapping. TCP only. Each connection begins with
an encrypted handshake that only those can do who know the info hash. The names are libtorrent's
(https://libtorrent.org/reference-Settings.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_peers import endpoint

# libtorrent's enc_policy and enc_level.
_FORCED, _PLAINTEXT = 0, 1


@dataclass(frozen=True)
class Way:
    """How a host takes part. Rates are in bytes a second over all connections; 0: no limit."""

    bind_address: str
    port: int
    upload_rate: int = 0
    download_rate: int = 0
    most_connections: int = 100
    hashing_threads: int = 1


def settings(way: Way) -> dict[str, Any]:
    """Return the settings of a session."""
    return {**_place(way), **_ALONE, **_SECRET, **_FAST, **_IMPATIENT}


def _place(way: Way) -> dict[str, Any]:
    return {
        "listen_interfaces": endpoint(way.bind_address, way.port),
        "upload_rate_limit": way.upload_rate,
        "download_rate_limit": way.download_rate,
        "connections_limit": way.most_connections,
        "hashing_threads": way.hashing_threads,
    }


_ALONE = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # It would open the port anew at each container that starts on the host.
    "enable_ip_notifier": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    # A port that is taken is an error, as others were told this one.
    "listen_system_port_fallback": False,
    "max_retry_port_bind": 0,
}
_SECRET = {
    "in_enc_policy": _FORCED,
    "out_enc_policy": _FORCED,
    # The handshake alone: with RC4 over the pieces too, they cost the CPU half as much again.
    "allowed_enc_level": _PLAINTEXT,
}
_FAST = {
    # Hosts of a fleet do not trade: everybody is served at the same time.
    "unchoke_slots_limit": -1,
    "allow_multiple_connections_per_ip": True,
    # Short queues: until a piece has come, other peers ask for it too, and the first holder sends it twice.
    "request_queue_time": 1,
    "max_out_request_queue": 128,
    "send_buffer_watermark": 4 << 20,
    "rate_limit_ip_overhead": False,
    "smooth_connects": False,
    "connection_speed": 200,
    # No class of service: networks of data centres treat the default, "less than best effort", as they like.
    "peer_dscp": 0,
}
_IMPATIENT = {
    # Round trips take less than a millisecond here, and peers come and go with their playbook.
    "peer_connect_timeout": 5,
    "handshake_timeout": 10,
    "peer_timeout": 30,
    "request_timeout": 15,
    "piece_timeout": 10,
    "min_reconnect_time": 2,
    "max_failcount": 1000,
}
