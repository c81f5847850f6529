# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model users - which servers of a host need which revisions of a cache. Standard library only.

A server whose revision is not told needs all revisions of its model, and one whose model is not told needs all models:
what cannot be told is needed.
"""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _accepted, _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import text_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import LABEL, LABEL_REVISION
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import is_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_docker import ask, docker_problem

_MAIN = "main"
# A model by its place in a cache, with or without a revision.
_PLACE = re.compile(r"models--(?P<model>[\w.-]+?)(?:/snapshots/(?P<commit>[0-9a-f]{40}))?(?:/|$)")
_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")
# A deployment can go back to the description that served before it, or, where it serves itself, to the one before.
_REACHABLE = 2


class UsersUnknown(Exception):
    """It cannot be told who uses what. The text says why, and what to do."""


@dataclass(frozen=True)
class Use:
    """Who needs which revisions, by branch, tag or commit, of which model. Nothing told means all.

    `also` are other models that the server's command or environment names, such as one that drafts: all of these.
    """

    who: str
    repo_id: str = ""
    revisions: tuple[str, ...] = ()
    also: frozenset[str] = frozenset()

    def covers(self, repo_id: str, commit: str, refs: Mapping[str, str]) -> bool:
        """Tell whether a commit is needed; `refs` are the commits of the model's branches and tags.

        A name that the cache does not know may be any of its commits.
        """
        if self.repo_id and self.repo_id != repo_id:
            return repo_id in self.also
        commits = {refs.get(revision, revision) for revision in self.revisions}
        unknown = any(revision not in refs and not is_commit(revision) for revision in self.revisions)
        return not self.revisions or commit in commits or unknown


def users(docker_host: str, state_path: str, cache_dir: str) -> list[Use]:
    """Return all uses of a cache. An empty address means that there is no engine. Raises UsersUnknown."""
    return [*of_engine(docker_host, cache_dir), *of_descriptions(state_path)]


def of_engine(docker_host: str, cache_dir: str) -> list[Use]:
    """Return the uses of all containers, running or not: one that was stopped is there to be started again."""
    if not docker_host:
        return []
    try:
        rows = ask(docker_host, "/containers/json?all=true") or []
        containers = [ask(docker_host, f"/containers/{row['Id']}/json") for row in rows]
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise UsersUnknown(docker_problem(docker_host, exc, str(os.geteuid()))) from exc
    return [use for container in containers if container and (use := of_container(container, cache_dir))]


def of_container(container: Mapping[str, Any], cache_dir: str) -> Optional[Use]:
    """Return the use of an inspected container; None for one that does not see the cache, or no model in it."""
    config = container["Config"]
    labels = config.get("Labels") or {}
    words = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    sources = [str(mount.get("Source") or "") for mount in container.get("Mounts") or []]
    seen = [source for source in sources if _sees(source, cache_dir)]
    if not seen:
        return None
    own = LABEL in labels or LABEL_REVISION in labels
    use = use_of(str(container["Name"]).lstrip("/"), words, labels, [*seen, *(config.get("Env") or [])])
    # What looks at the whole disk, as monitoring does, serves nothing from the cache unless it names a model.
    return use if use.repo_id or own or any(_near(source, cache_dir) for source in seen) else None


def of_descriptions(state_path: str) -> list[Use]:
    """Return the uses of the descriptions that deployments can go back to."""
    return [use for path in _kept(state_path) for use in _of_accepted(path)]


def use_of(who: str, words: Sequence[str], labels: Mapping[str, str], others: Sequence[str] = ()) -> Use:
    """Return what a server needs, as its command line and its labels tell, and others: mounts, the environment."""
    texts = (*words, *others)
    also = frozenset(repo_id for text in texts for repo_id in _REPO_ID.findall(text))
    place = next((match for text in texts if (match := _PLACE.search(text))), None)
    if place:
        return Use(who, place["model"].replace("--", "/"), (place["commit"],) if place["commit"] else (), also)
    told = text_of(words, "--model") or text_of(words, "serve")
    if not _REPO_ID.fullmatch(told):
        return Use(who)
    revision, label = text_of(words, "--revision"), labels.get(LABEL_REVISION)
    # A server that is labelled and names no revision takes main when it starts again, whatever that is by then.
    revisions = tuple(filter(None, (label, revision or (_MAIN if label else None))))
    return Use(who, told, revisions, also)


def _of_accepted(path: Path) -> Iterator[Use]:
    try:
        entries = _json_text.loads(path.read_text(encoding="utf-8"))
        for entry in entries[:_REACHABLE]:
            told = entry["parameters"]
            words = ["--model", str(told["model"]), *(told.get("arguments") or [])]
            yield use_of(f"{path.parent.name} (accepted {entry['accepted']})", words, told.get("labels") or {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UsersUnknown(
            f"expected the descriptions that {path.parent.name} can go back to in {path}, found none that can be read; "
            "see to the file, or remove it if the server is given up"
        ) from exc


def _kept(state_path: str) -> Iterable[Path]:
    try:
        return sorted(folder / _accepted.FILE for folder in Path(state_path).iterdir() if _has_accepted(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise UsersUnknown(f"expected to read {state_path}, where servers' descriptions are, could not: {exc}") from exc


def _has_accepted(folder: Path) -> bool:
    return (folder / _accepted.FILE).exists()


def _sees(source: str, cache_dir: str) -> bool:
    """Tell whether a mount shows the cache, or a part of it."""
    mount, cache = os.path.realpath(source), os.path.realpath(cache_dir)
    return bool(source) and os.path.commonpath([mount, cache]) in (mount, cache)


def _near(source: str, cache_dir: str) -> bool:
    """Tell whether a mount is the cache, its parent (HF_HOME), or within."""
    mount, cache = os.path.realpath(source), os.path.realpath(cache_dir)
    return mount == str(Path(cache).parent) or os.path.commonpath([mount, cache]) == cache
