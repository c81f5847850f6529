# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: host daemon, the settings of the Docker Engine that its configuration file holds."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader

DAEMON_JSON = "/etc/docker/daemon.json"
# Facts are shown and may be stored, so what can hold a secret (proxies, options of log drivers) stays where it is.
_SHOWN = (
    "cdi-spec-dirs", "cgroup-parent", "data-root", "default-runtime", "default-shm-size", "default-ulimits",
    "exec-opts", "exec-root", "experimental", "features", "group", "hosts", "init", "ipv6", "iptables", "live-restore",
    "log-driver", "log-level", "max-concurrent-downloads", "min-api-version", "selinux-enabled", "shutdown-timeout",
    "storage-driver", "storage-opts", "userland-proxy", "userns-remap",
)  # fmt: skip
_SHOWN_LOG_OPTIONS = ("compress", "labels", "max-buffer-size", "max-file", "max-size", "mode", "tag")


def daemon_json(reader: Reader, path: str = DAEMON_JSON) -> dict[str, Any]:
    """Return {path, exists, settings, error}; `error` says why the file holds no settings."""
    exists = reader.exists(path)
    text = reader.text(path) if exists else "{}"
    settings, error = parse_settings(text)
    return {"path": path, "exists": exists, "settings": settings, "error": error}


def parse_settings(text: Optional[str]) -> tuple[dict[str, Any], str]:
    """Return the settings that may be shown, or why there are none. A file of blanks is one without settings."""
    if text is None:
        return {}, "it cannot be read"
    try:
        content = _json_text.loads(text) if text.strip() else {}
    except ValueError as exc:
        return {}, f"it is not JSON: {exc}"
    if not isinstance(content, dict):
        return {}, "it holds no JSON object"
    return _shown(content), ""


def _shown(content: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: content[name] for name in _SHOWN if name in content}
    if isinstance(content.get("log-opts"), dict):
        settings["log-opts"] = {k: v for k, v in content["log-opts"].items() if k in _SHOWN_LOG_OPTIONS}
    if isinstance(content.get("runtimes"), dict):
        settings["runtimes"] = {
            name: runtime.get("path") if isinstance(runtime, dict) else None
            for name, runtime in content["runtimes"].items()
        }
    return settings
