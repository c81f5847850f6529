# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model state - brings one revision of a model into the cache, verified, and tells what that took.

Files are staged beside the cache and verified there; only then the cache gets them. The stamp that says that all is
right comes last, and goes first when something is found wrong.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional, Union

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fetch import DoubtError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, is_commit, present_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_folder import is_remembered
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import Digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_inspect import Findings, glance, inspect, known_blobs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_listing import OWN, forget_listing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_lock import alone
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_origin import FolderOrigin, HubOrigin, Report
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_peers import NAME, take_over
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_place import leads_to, link, put_blob, put_ref
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_removal import removal_marker
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_space import need_space
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    Held,
    Listed,
    Stamp,
    folder_of,
    read_stamp,
    write_stamp,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Outcome, Wish
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_share import SwarmError

_REPORT_SECONDS = 1.0
_SAVE_SECONDS = 1.0


def settled(wish: Wish) -> Optional[Outcome]:
    """Return an unchanged outcome when all is in place, as sizes and times tell without a network; else None."""
    if wish.reread or not wish.asks_nobody:
        return None
    if wish.source:
        patterns = (wish.allow_patterns, wish.ignore_patterns)
        known = is_remembered(wish.source, patterns, wish.folder)
        foreseen = Bringing(wish, lambda status: None, check_mode=True).run() if known else None
        return foreseen if foreseen and not foreseen.changed else None
    commit = present_commit(wish.cache_dir, wish.access.repo_id, wish.revision)
    stamp = read_stamp(wish.folder, commit) if commit else None
    # A list that was only guessed does not do once the Hub may be asked.
    if stamp is None or (stamp.origin == OWN and not wish.offline):
        return None
    bringing = Bringing(wish, lambda status: None)
    files = wish.wanted(stamp.listing)
    found = glance(wish.folder, stamp.commit, files, {held.blob: held for held in stamp.files.values()})
    return bringing.outcome(stamp, found) if bringing.is_settled(stamp, found) else None


def reported(wish: Wish) -> Outcome:
    """Tell whether a revision is in the cache and all that was verified of it is as it was, by sizes and times."""
    commit = present_commit(wish.cache_dir, wish.access.repo_id, wish.revision)
    if commit is None:
        return Outcome("", "", problem=f"no snapshot of it in {wish.cache_dir}")
    path = str(wish.folder / "snapshots" / commit)
    stamp = read_stamp(wish.folder, commit)
    if stamp is None:
        return Outcome(commit, path, problem=f"{path}, whose files were not all verified")
    files = {name: stamp.listing[name] for name in stamp.files}
    found = glance(wish.folder, commit, files, {held.blob: held for held in stamp.files.values()})
    wrong = {
        **dict.fromkeys(found.missing, "not there"),
        **found.damaged,
        **dict.fromkeys(found.unread, "changed since it was verified"),
    }
    problem = f"{path} with {'; '.join(f'{name}: {what}' for name, what in sorted(wrong.items()))}" if wrong else ""
    total = _bytes_of(files)
    return Outcome(commit, path, verified=not wrong, total_bytes=total, damaged=wrong, problem=problem)


@dataclass
class Bringing:
    """One run that brings one revision."""

    wish: Wish
    report: Report
    check_mode: bool = False
    _reported: float = 0.0
    _saved: float = 0.0
    _brought: dict[str, int] = field(default_factory=dict)
    _warnings: list[str] = field(default_factory=list)

    def run(self) -> Outcome:
        """Have the revision in the cache. Raises CacheError with cause and remedy."""
        origin = self._origin()
        if self.check_mode:
            return self._foresee(origin)
        with alone(self.wish.folder, lambda: self._now_and_then({"phase": "wait"})):
            self._take_over()
            stamp = origin.identify()
            outcome = self._bring(origin, stamp)
            if isinstance(origin, FolderOrigin):
                origin.remember()
            return outcome

    def _take_over(self) -> None:
        """Have what peers share; what they do not give comes from elsewhere."""
        if not self.wish.peers:
            return
        try:
            n_bytes = take_over(self.wish, self._staging(str(self.wish.peers["commit"])), self._now_and_then)
        except SwarmError as exc:
            self._warnings.append(f"{self.wish.access.repo_id} did not come from other hosts: {exc}")
            return
        if n_bytes:
            self._brought[NAME] = n_bytes

    def is_settled(self, stamp: Stamp, found: Findings) -> bool:
        """Tell whether nothing is left to do for a commit."""
        folder = self.wish.folder
        return (
            not (found.missing or found.damaged or found.unread)
            and read_stamp(folder, stamp.commit) is not None
            and not self._unlinked(stamp.commit, found.good)
            and not self._stale(stamp)
            and not self._tree(stamp.commit)
            and self._ref_stands(stamp.commit)
        )

    def outcome(self, stamp: Stamp, found: Findings) -> Outcome:
        """Return what a look found, with nothing done."""
        sizes = {name: listed.size for name, listed in self.wish.wanted(stamp.listing).items()}
        path = str(self.wish.folder / "snapshots" / stamp.commit)
        settled_already = self.is_settled(stamp, found)
        return Outcome(stamp.commit, path, verified=settled_already, total_bytes=sum(sizes.values()))

    def _origin(self) -> Union[HubOrigin, FolderOrigin]:
        return FolderOrigin(self.wish, self._now_and_then) if self.wish.source else HubOrigin(self.wish, self.report)

    def _foresee(self, origin: Union[HubOrigin, FolderOrigin]) -> Outcome:
        """Say what would move. Nothing is read that a look at sizes and times does not tell."""
        stamp = origin.identify()
        files = self.wish.wanted(stamp.listing)
        found = glance(self.wish.folder, stamp.commit, files, known_blobs(self.wish.folder))
        moving = sorted([*found.missing, *found.damaged])
        if moving and self.wish.offline and not self.wish.source:
            with _naming(found.damaged):
                origin.fetch(stamp.commit, {name: files[name] for name in moving}, Path(), lambda *_file: None)
        n_bytes = _bytes_of({name: files[name] for name in moving})
        outcome = self.outcome(stamp, found)
        return replace(
            outcome,
            files=tuple(moving),
            n_bytes=n_bytes,
            damaged=found.damaged,
            changed=not self.is_settled(stamp, found),
            origins={origin.name: n_bytes} if n_bytes else {},
        )

    def _bring(self, origin: Union[HubOrigin, FolderOrigin], stamp: Stamp) -> Outcome:
        folder, files = self.wish.folder, self.wish.wanted(stamp.listing)
        # A removal that was killed is not to be finished any more.
        shutil.rmtree(removal_marker(folder, stamp.commit), ignore_errors=True)
        was_whole = read_stamp(folder, stamp.commit) is not None
        found = glance(folder, stamp.commit, files, known_blobs(folder), self.wish.reread)
        found = self._inspected(found, files)
        lacking = {name: files[name] for name in (*found.missing, *found.damaged)}
        good = dict(found.good)
        if lacking:
            # From here on nobody may take the snapshot for whole.
            write_stamp(folder, replace(stamp, files=good), whole=False)
            with _naming(found.damaged):
                self._fetch(origin, stamp, lacking, good)
        relinked = self._link(stamp.commit, good)
        changed = bool(lacking or self._brought) or relinked or not was_whole
        changed = self._tidy(stamp) or changed
        whole = self._whole(stamp.commit, files, good)
        write_stamp(folder, replace(stamp, files=good))
        shutil.rmtree(self._staging(stamp.commit), ignore_errors=True)
        return replace(
            self.outcome(stamp, whole),
            files=tuple(sorted(lacking)),
            n_bytes=sum(self._brought.values()),
            damaged=found.damaged,
            origins=dict(self._brought),
            warnings=list(self._warnings),
            changed=changed,
        )

    def _whole(self, commit: str, files: Mapping[str, Listed], good: Mapping[str, Held]) -> Findings:
        """Look once more before all is said to be right. Raises CacheError when it is not as it was left."""
        found = glance(self.wish.folder, commit, files, {held.blob: held for held in good.values()})
        changed = sorted([*found.missing, *found.damaged, *found.unread])
        if changed:
            raise CacheError(
                f"expected {', '.join(changed)} as verified a moment ago, found that something else changed it in "
                f"{self.wish.folder}; see what that is (another tool, another host on the same disk), and run again"
            )
        return found

    def _inspected(self, found: Findings, files: Mapping[str, Listed]) -> Findings:
        total = _bytes_of({name: files[name] for name in found.unread})
        done = 0

        def count(n_bytes: int) -> None:
            nonlocal done
            done += n_bytes
            self._now_and_then({"phase": "verify", "bytes_done": done, "bytes_total": total})

        return inspect(found, files, count) if found.unread else found

    def _fetch(
        self,
        origin: Union[HubOrigin, FolderOrigin],
        stamp: Stamp,
        lacking: Mapping[str, Listed],
        good: dict[str, Held],
    ) -> None:
        folder = self.wish.folder
        staging = self._staging(stamp.commit)
        wanted = {listed.digest for listed in lacking.values()}
        there = (path for path in staging.glob("*") if path.name.partition(".")[0] in wanted and path.is_file())
        need = _bytes_of(lacking) - sum(path.stat().st_size for path in there)
        need_space(self.wish.cache_dir, max(0, need), len(lacking), self.wish.reserve)

        def keep(staged: Path, listed: Listed, read: Digests) -> None:
            put_blob(folder, staged, listed.digest)
            held = Held(read.size, read.mtime_ns, read.sha256, listed.digest)
            good.update({name: held for name, one in lacking.items() if one.digest == listed.digest})
            self._brought[origin.name] = self._brought.get(origin.name, 0) + listed.size
            if time.monotonic() - self._saved > _SAVE_SECONDS:
                self._saved = time.monotonic()
                write_stamp(folder, replace(stamp, files=good), whole=False)

        try:
            origin.fetch(stamp.commit, lacking, staging, keep)
        except DoubtError:
            forget_listing(folder, stamp.commit)
            raise
        except CacheError:
            with contextlib.suppress(OSError):  # what ends this is told, and a full disk ends it too
                write_stamp(folder, replace(stamp, files=good), whole=False)
            raise

    def _link(self, commit: str, good: Mapping[str, Held]) -> bool:
        """Have the snapshot lead to its blobs; return whether a link was missing."""
        unlinked = self._unlinked(commit, good)
        for name in unlinked:
            link(self.wish.folder / "snapshots" / commit, name, good[name])
        return bool(unlinked)

    def _tidy(self, stamp: Stamp) -> bool:
        """Note the revision's commit, and remove what must not be there; return whether that changed anything."""
        stale, tree = self._stale(stamp), self._tree(stamp.commit)
        for path in [*stale, *tree]:
            path.unlink()
        named = put_ref(self.wish.folder, self.wish.revision, stamp.commit)
        return bool(stale or tree or named)

    def _unlinked(self, commit: str, good: Mapping[str, Held]) -> list[str]:
        snapshot = self.wish.folder / "snapshots" / commit
        return [name for name, held in good.items() if not leads_to(snapshot, name, held.blob)]

    def _stale(self, stamp: Stamp) -> list[Path]:
        """Return files of a snapshot that its source does not have; what else the Hub has is left alone."""
        snapshot = self.wish.folder / "snapshots" / stamp.commit
        if stamp.origin != "folder":
            return []
        files = (path for path in snapshot.rglob("*") if not path.is_dir())
        return [path for path in files if path.relative_to(snapshot).as_posix() not in stamp.listing]

    def _tree(self, commit: str) -> list[Path]:
        """Return the list of the whole repository's files that huggingface_hub 1.22 and newer keeps.

        With it, vLLM 0.13 to 0.24 calls a snapshot incomplete offline from which the patterns left something out.
        """
        path = self.wish.folder / "trees" / f"{commit}.json"
        return [path] if path.exists() and (self.wish.allow_patterns or self.wish.ignore_patterns) else []

    def _ref_stands(self, commit: str) -> bool:
        wish = self.wish
        return is_commit(wish.revision) or present_commit(wish.cache_dir, wish.access.repo_id, wish.revision) == commit

    def _staging(self, commit: str) -> Path:
        """Return where files arrive. Hosts that share a cache whose locks do not hold do not share this."""
        return folder_of(self.wish.folder) / f"incoming-{os.uname().nodename}-{commit}"

    def _now_and_then(self, status: dict[str, Any]) -> None:
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = time.monotonic()
            self.report(status)


@contextlib.contextmanager
def _naming(damaged: Mapping[str, str]) -> Iterator[None]:
    """Have what is damaged in the cache named by a failure to mend it."""
    try:
        yield
    except CacheError as exc:
        files = "; ".join(f"{name}: {what}" for name, what in sorted(damaged.items()))
        raise CacheError(f"{exc}. Damaged in the cache: {files}" if files else str(exc)) from exc


def _bytes_of(files: Mapping[str, Listed]) -> int:
    """Return the size of files in all, each content once."""
    return sum({listed.digest: listed.size for listed in files.values()}.values())
