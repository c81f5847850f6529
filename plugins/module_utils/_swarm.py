# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: swarm - one host's part in a BitTorrent swarm of one content. The only importer of libtorrent.

What others send is compared with the hashes of the pieces before it counts; who sends something else is banned.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_metainfo import Metainfo, of_info
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_peers import endpoint
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_settings import Way, settings
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_state import (
    CHECKING,
    FETCHING,
    METADATA,
    SEEDING,
    Notes,
    Observation,
)

# Why the library cannot be used; empty when it can.
IMPORT_ERROR = ""
try:
    import libtorrent
except ImportError as exc:
    IMPORT_ERROR = str(exc)

_LISTEN_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
# All addresses: those of the own network are left out of the limits by default.
_EVERYBODY = (("0.0.0.0", "255.255.255.255"), ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))


class SwarmPortError(Exception):
    """The address or port cannot be listened at; the message is the system's."""


class Swarm:
    """Takes part until closed. Raises SwarmPortError."""

    def __init__(self, folder: Path, info_hash: str, metainfo: Optional[Metainfo], way: Way, whole: bool) -> None:
        """`folder` is above the content; `whole`: it is all here, and nothing may be written to it."""
        self.notes = Notes()
        chosen: Any = {**settings(way), "alert_mask": _alerts()}
        self._session = libtorrent.session(chosen, 0)
        # Those that bring the metainfo to who knows only its hash, and that find out who sends wrong bytes.
        for extension in ("ut_metadata", "smart_ban"):
            self._session.add_extension(extension)
        everybody = libtorrent.ip_filter()
        for first, last in _EVERYBODY:
            everybody.add_rule(first, last, 1 << libtorrent.session.global_peer_class_id)
        self._session.set_peer_class_filter(everybody)
        self.port = self._listen()
        self._torrent = self._session.add_torrent(_torrent(folder, info_hash, metainfo, whole))

    def connect(self, addresses: Iterable[tuple[str, int]]) -> None:
        """Have these peers (numeric address and port) asked, now and again."""
        for address in addresses:
            self._torrent.connect_peer(address)

    def observe(self) -> Observation:
        """Return how it stands, and take down what went wrong."""
        for alert in self._session.pop_alerts():
            self._note(alert)
        status = self._torrent.status()
        return Observation(
            state=_state(status),
            done=status.total_wanted_done,
            total=status.total_wanted,
            sent=status.total_payload_upload,
            received=status.total_payload_download,
            failed=status.total_failed_bytes,
            rate=status.download_payload_rate,
            peers=status.num_peers,
        )

    def metainfo(self) -> Optional[Metainfo]:
        """Return the metainfo; None while no peer has sent it."""
        found = self._torrent.torrent_file()
        return of_info(found.info_section()) if found else None

    def settle(self) -> None:
        """Have all that has arrived written, until which `notes.flushed` is false, and no more from now on."""
        self._torrent.set_flags(libtorrent.torrent_flags.upload_mode)
        self.notes.flushed = False
        self._torrent.flush_cache()

    def close(self) -> None:
        """Bring what has arrived to the files, and end all connections."""
        self._session.pause()
        if self._torrent.status().has_metadata:
            self._torrent.flush_cache()
            self._wait_for(libtorrent.cache_flushed_alert, _CLOSE_SECONDS)
        del self._torrent, self._session

    def _listen(self) -> int:
        alert = self._wait_for((libtorrent.listen_succeeded_alert, libtorrent.listen_failed_alert), _LISTEN_SECONDS)
        if not isinstance(alert, libtorrent.listen_succeeded_alert):
            raise SwarmPortError(alert.error.message() if alert else "no answer from libtorrent")
        return int(self._session.listen_port())

    def _wait_for(self, kinds: Any, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._session.wait_for_alert(100)
            for alert in self._session.pop_alerts():
                self._note(alert)
                if isinstance(alert, kinds):
                    return alert
        return None

    def _note(self, alert: Any) -> None:
        if isinstance(alert, libtorrent.peer_ban_alert):
            self.notes.banned.append(endpoint(*alert.endpoint))
        elif isinstance(alert, libtorrent.peer_connect_alert):
            self.notes.peers.pop(endpoint(*alert.endpoint), None)
        elif isinstance(alert, (libtorrent.peer_error_alert, libtorrent.peer_disconnected_alert)):
            self.notes.peers[endpoint(*alert.endpoint)] = alert.error.message()
        elif isinstance(alert, libtorrent.cache_flushed_alert):
            self.notes.flushed = True
        elif isinstance(alert, libtorrent.file_error_alert):
            self.notes.disk = f"{alert.filename()}: {alert.error.message()}"
        elif isinstance(alert, libtorrent.torrent_error_alert):
            self.notes.disk = self.notes.disk or alert.message()


def _alerts() -> int:
    kinds = libtorrent.alert_category
    return int(kinds.error | kinds.status | kinds.peer | kinds.connect | kinds.storage)


def _state(status: Any) -> str:
    states = libtorrent.torrent_status.states
    if status.state == states.downloading_metadata:
        return METADATA
    if status.state in (states.checking_files, states.checking_resume_data):
        return CHECKING
    return SEEDING if status.is_seeding else FETCHING


def _torrent(folder: Path, info_hash: str, metainfo: Optional[Metainfo], whole: bool) -> Any:
    flags = libtorrent.torrent_flags
    if metainfo:
        parameters = libtorrent.load_torrent_buffer(metainfo.encoded)
    else:
        parameters = libtorrent.add_torrent_params()
        parameters.info_hashes = libtorrent.info_hash_t(libtorrent.sha1_hash(bytes.fromhex(info_hash)))
    parameters.save_path = str(folder)
    parameters.flags &= ~(flags.auto_managed | flags.paused)
    if whole:
        # Pieces are compared with their hashes when they are sent for the first time.
        parameters.flags |= flags.seed_mode | flags.upload_mode
    return parameters
