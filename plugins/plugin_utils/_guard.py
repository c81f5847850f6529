# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: guard - which servers ask for the key on every path, and how they are told to (files/guard of the role)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import is_loopback

TARGET = "/srv/gpt_oss/guard"
# Last on the command line: vLLM puts each middleware around the ones before it.
ARGUMENTS = ["--middleware", "gpt_oss_guard.Guard"]


def wanted(options: Mapping[str, Any], reachable_are_guarded: bool) -> bool:
    """Tell whether a server is guarded: as its entry says, else when it has a key and others can reach it."""
    if not options.get("api_key_file"):
        return False
    if options.get("guard") is not None:
        return bool(options["guard"])
    return reachable_are_guarded and not is_loopback(options.get("bind_address", "127.0.0.1"))


def loan(state_path: str, open_paths: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the environment and the mounts of a guarded server."""
    return {"GPT_OSS_OPEN_PATHS": ",".join(open_paths)}, [f"{state_path}/guard:{TARGET}:ro"]


def problems(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an entry's `guard`."""
    if options.get("guard") and not options.get("api_key_file"):
        yield "guard: true needs a key to ask for; set api_key_file"
