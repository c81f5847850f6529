# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: provisions - what a host lends its servers beside the models: guard, caches, vocabulary, a user's home.

Pure. What must lie on the host before a server starts is told in the description's key `provisions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _container_user as users
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _guard
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version, alive

VOCABULARY_TARGET = "/srv/gpt_oss/vocabulary"


@dataclass(frozen=True)
class Provisions:
    """What holds for all servers of a host. The paths are the host's; what is empty is not lent."""

    state_path: str = "/var/lib/gpt_oss/servers"
    caches: Sequence[Mapping[str, Any]] = ()
    guard: bool = True
    open_paths: Sequence[str] = ("/health", "/ping")
    offline_environment: Mapping[str, str] = field(default_factory=dict)
    vocabulary: Mapping[str, Any] = field(default_factory=dict)
    vocabulary_path: str = ""


@dataclass(frozen=True)
class Loan:
    """What one server gets. What the entry itself sets goes before."""

    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[str] = ()
    folders: Sequence[Mapping[str, Any]] = ()


def provide(
    description: Mapping[str, Any],
    options: Mapping[str, Any],
    version: Version,
    provisions: Provisions,
    cache_path: str | None,
    offline: bool,
) -> dict[str, Any]:
    """Return the description with all that the host lends. `cache_path` is None where no caches are wanted."""
    user = users.parse(options.get("user"))
    guarded = _guard.wanted(options, provisions.guard)
    vocabulary = _needs_vocabulary(options, version, provisions)
    loans = [
        _caches(user, version, provisions.caches, cache_path),
        Loan(provisions.offline_environment if offline else {}),
        _vocabulary(provisions.vocabulary_path) if vocabulary else Loan(),
        Loan(*_guard.loan(provisions.state_path, provisions.open_paths)) if guarded else Loan(),
    ]
    key = users.staged_key(description, user, provisions.state_path)
    return {
        **description,
        "user": options.get("user"),
        "python_path": [_guard.TARGET] if guarded else [],
        "arguments": [*description["arguments"], *(_guard.ARGUMENTS if guarded else [])],
        "environment": {**_joined(loans), **description["environment"]},
        "volumes": _mounted(users.reached(description["volumes"], user), loans),
        "api_key_file": key["path"] if key else description["api_key_file"],
        "provisions": {
            "folders": [dict(folder) for loan in loans for folder in loan.folders],
            "guard": guarded,
            "vocabulary": vocabulary,
            "api_key": key,
        },
    }


def problems(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the options that provisions depend on."""
    yield from users.problems(options)
    yield from _guard.problems(options)


def _caches(
    user: users.User | None, version: Version, caches: Sequence[Mapping[str, Any]], cache_path: str | None
) -> Loan:
    if user:
        home = f"{cache_path}/{user.folder}" if cache_path else None
        volumes = [f"{home}:{users.HOME}"] if home else []
        folders = [{"path": home, "owner": user.uid, "group": user.gid}] if home else []
        return Loan(users.environment(bool(home)), volumes, folders)
    if not cache_path:
        return Loan()
    living = [cache for cache in caches if alive(version, cache)]
    wanted = {f"{cache_path}/root/{cache['name']}": cache["path"] for cache in living}
    volumes = [f"{source}:{target}" for source, target in wanted.items()]
    variables = {name: value for cache in living for name, value in cache.get("environment", {}).items()}
    # Root writes into a folder whosever it is.
    return Loan(variables, volumes, [{"path": source} for source in wanted])


def _needs_vocabulary(options: Mapping[str, Any], version: Version, provisions: Provisions) -> bool:
    own = "TIKTOKEN_ENCODINGS_BASE" in options.get("environment", {})
    return bool(provisions.vocabulary_path and not own and alive(version, provisions.vocabulary))


def _vocabulary(path: str) -> Loan:
    return Loan({"TIKTOKEN_ENCODINGS_BASE": VOCABULARY_TARGET}, [f"{path}:{VOCABULARY_TARGET}:ro"])


def _joined(loans: Sequence[Loan]) -> dict[str, str]:
    return {name: value for loan in loans for name, value in loan.environment.items()}


def _mounted(own: Sequence[str], loans: Sequence[Loan]) -> list[str]:
    """Return the server's own mounts, and what is lent at places where it mounts nothing itself."""
    taken = {_target(volume) for volume in own}
    return [*own, *(volume for loan in loans for volume in loan.volumes if _target(volume) not in taken)]


def _target(volume: str) -> str:
    return volume.split(":")[1].rstrip("/") if ":" in volume else ""
