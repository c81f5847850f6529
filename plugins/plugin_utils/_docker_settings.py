# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: docker_settings, what shall be in daemon.json: what is set, and what is only for where nothing is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_json import fill, merge
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_state import (
    DEFAULT_DATA_ROOT,
    in_swarm,
    same_folder,
    written_settings,
)

# The drivers that take the options of docker_daemon_defaults; others refuse them, and the daemon does not start then.
_ROTATED_BY_OPTIONS = ("json-file", "local")


@dataclass(frozen=True)
class Wanted:
    """`settings` replace what is in the file, `defaults` fill what is missing in it."""

    settings: dict[str, Any]
    defaults: dict[str, Any]

    @property
    def own(self) -> dict[str, Any]:
        """What is wanted, whether as a setting or as a default."""
        return self.after({})

    def after(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the file will hold, as far as `written` tells what it holds."""
        return fill(merge(dict(written), self.settings), self.defaults)


def wanted_settings(host: Mapping[str, Any], options: Mapping[str, Any]) -> Wanted:
    """Return the settings. `options` has settings, defaults, data_root."""
    written = written_settings(host)
    settings = dict(options["settings"])
    root = options["data_root"]
    if root and not same_folder(root, str(written.get("data-root", DEFAULT_DATA_ROOT))):
        settings.setdefault("data-root", root)
    defaults = dict(options["defaults"])
    if in_swarm(host):
        # The two exclude each other (moby, daemon/config/config_linux.go, IsSwarmCompatible).
        defaults.pop("live-restore", None)
    return _with_log_options(settings, defaults, written)


def _with_log_options(settings: dict[str, Any], defaults: dict[str, Any], written: Mapping[str, Any]) -> Wanted:
    """Leave the default options of the log out where the driver is one that has no such options."""
    ours = defaults.get("log-opts")
    driver = settings.get("log-driver") or written.get("log-driver") or defaults.get("log-driver") or "json-file"
    if not ours or driver == (defaults.get("log-driver") or "json-file") or driver in _ROTATED_BY_OPTIONS:
        return Wanted(settings, defaults)
    del defaults["log-opts"]
    if "log-opts" not in settings and written.get("log-opts") == ours:
        # They are from an earlier run, when the driver was another one.
        settings["log-opts"] = None
    return Wanted(settings, defaults)
