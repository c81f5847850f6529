# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: daemon_json, the text of the Docker daemon's configuration file: read, merged, written, compared.

Pure functions. Which keys a running daemon takes over on SIGHUP is documented in docker/cli,
docs/reference/dockerd.md, "Configuration reload behavior".
"""

from __future__ import annotations

import json
import re
from typing import Any, List

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text

Settings = dict[str, Any]

# docker/cli, docs/reference/dockerd.md. The table names the flag "authorization-plugin"; the file's key is the plural.
RELOADABLE = frozenset(
    {
        "authorization-plugins",
        "debug",
        "default-runtime",
        "features",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    }
)
# A reload goes back to the default of these when they are gone from the file; of the others it keeps the old value
# (moby, daemon/reload.go: all but these are guarded by IsValueSet).
RESET_BY_RELOAD = frozenset({"features", "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts"})
# Features that are looked at only when the daemon starts: the image store is chosen, and the CDI driver registered then
# (moby, daemon/image_store_choice.go and daemon/command/daemon.go).
FEATURES_OF_START = frozenset({"cdi", "containerd-snapshotter"})


class DaemonJsonError(Exception):
    """The file cannot be taken for the daemon's configuration, or what is wanted cannot be put into it."""


def parse(text: str, path: str) -> Settings:
    """Return the settings; none for an empty text. Raises DaemonJsonError naming line and column."""
    if not text.strip():
        return {}
    try:
        settings = _json_text.loads(text)
    except json.JSONDecodeError as exc:
        raise DaemonJsonError(_not_json(text, path, exc)) from exc
    except ValueError as exc:
        raise DaemonJsonError(f"{path} must be JSON, but {exc}; correct it, nothing was changed") from exc
    if not isinstance(settings, dict):
        raise DaemonJsonError(
            f"{path} must hold one JSON object, found {text.strip()[:80]!r}; correct it, nothing was changed"
        )
    return settings


def merge(there: Settings, wish: Settings) -> Settings:
    """Return `there` with `wish` laid over it.

    Objects are merged, lists and scalars replaced, null removes. Keys keep their order, new ones come last.
    """
    merged = dict(there)
    for key, value in wish.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def fill(there: Settings, defaults: Settings) -> Settings:
    """Return `there` with the defaults that it lacks; what is there stays as it is."""
    filled = dict(there)
    for key, value in defaults.items():
        below = filled.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            filled[key] = fill(below, value)
        elif value is not None:
            filled.setdefault(key, value)
    return filled


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: unlike in Python, 1 is not true; the order of keys is all the same."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def render(settings: Settings, like: str = "") -> str:
    """Return the text of the file, indented as the text `like` is."""
    indented = re.search(r"^([ \t]+)\S", like, re.MULTILINE)
    indent = indented.group(1) if indented else "  "
    return json.dumps(settings, indent=indent, ensure_ascii=False) + "\n"


def changed_keys(before: Settings, after: Settings) -> List[str]:
    """Return the keys whose values differ, in the order of the file, removed ones last."""
    keys = [*after, *(key for key in before if key not in after)]
    return [key for key in keys if not same_value(before, after, key)]


def restart_keys(before: Settings, after: Settings) -> List[str]:
    """Return the changed keys that a running daemon takes over only when it starts."""
    return [key for key in changed_keys(before, after) if not _reloads(key, before, after)]


def same_value(before: Settings, after: Settings, key: str) -> bool:
    """Tell whether a key is missing in both, or has the same value in both."""
    if key not in before or key not in after:
        return key not in before and key not in after
    return same(before[key], after[key])


def _reloads(key: str, before: Settings, after: Settings) -> bool:
    if key not in RELOADABLE or (key not in after and key not in RESET_BY_RELOAD):
        return False
    if key != "features":
        return True
    one, other = (settings.get(key) for settings in (before, after))
    old, new = (value if isinstance(value, dict) else {} for value in (one, other))
    return FEATURES_OF_START.isdisjoint(changed_keys(old, new))


def _not_json(text: str, path: str, exc: json.JSONDecodeError) -> str:
    line = (text.splitlines() or [""])[min(exc.lineno, text.count("\n") + 1) - 1].strip()
    comment = re.search(r"(^|\s)(//|#|/\*)", line)
    remedy = "JSON has no comments: remove it" if comment else "correct it"
    return (
        f"{path} must be JSON, but at line {exc.lineno} column {exc.colno} it is not ({exc.msg}): {line!r}; "
        f"{remedy}, nothing was changed"
    )
