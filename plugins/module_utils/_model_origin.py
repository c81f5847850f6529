# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model origin - where a model comes from: what its revision is there, and how its files come to the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _hub, _model_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._child import ask, end_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fetch import Fetch, File, pause, staging_of
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, is_commit, present_commit
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import import_error
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_hash import Digests
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_listing import OWN, local_listing, own_listing
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Listed, Stamp, read_stamp
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_wish import Wish

Report = Callable[[dict[str, Any]], None]
# Gets a file that lies staged, and what it was found to be when it was verified.
Keep = Callable[[Path, Listed, Digests], None]
# A question takes an answer or a few; a process that is still at it is stuck.
_ASK_SECONDS = 300.0


@dataclass
class HubOrigin:
    """The Hugging Face Hub, or a mirror; with `offline` the cache alone."""

    wish: Wish
    report: Report
    name: str = "hub"

    def identify(self) -> Stamp:
        """Return the commit and its list of files. Raises CacheError."""
        wish = self.wish
        # All hosts of a fleet take what the first one took, though the branch may have moved since.
        commit = wish.revision if is_commit(wish.revision) else str((wish.peers or {}).get("commit", ""))
        if not wish.offline:
            return (self._known(commit) if commit else None) or self._asked(commit)
        taken_over = local_listing(wish.folder, commit) if wish.peers else None
        if taken_over:
            return taken_over
        commit = present_commit(wish.cache_dir, wish.access.repo_id, wish.revision) or ""
        if not commit:
            raise CacheError(self._lacking("is not in"))
        known = local_listing(wish.folder, commit)
        return known or Stamp(wish.access.repo_id, commit, OWN, own_listing(wish.folder, commit))

    def fetch(self, commit: str, files: Mapping[str, Listed], staging: Path, keep: Keep) -> None:
        """Bring files. Raises CacheError; what has arrived stays staged."""
        if self.wish.offline:
            raise CacheError(self._lacking(f"lacks {', '.join(sorted(files))} in"))
        self._need_library()

        def begin(file: File) -> Callable[[], Any]:
            return lambda: _hub.fetch(self.wish.access, commit, file.name, file.listed, file.staged, file.xet)

        def tell(progress: dict[str, Any]) -> None:
            self.report({"phase": "fetch", **progress})

        staged = staging_of(staging, files)
        Fetch(staged, begin, lambda file, read: keep(file.staged, file.listed, read), tell, self.wish.patience).run()

    def _known(self, commit: str) -> Optional[Stamp]:
        """Return what the cache knows of a commit; what it could only guess from its own names does not do here."""
        known = local_listing(self.wish.folder, commit)
        return known if known and known.origin != OWN else None

    def _asked(self, commit: str) -> Stamp:
        """Ask the Hub what a revision is, or what files a commit has."""
        self._need_library()
        wish = self.wish
        if not commit:
            commit = str(self._patiently(lambda: _hub.commit_of(wish.access, wish.revision))["commit"])
            known = self._known(commit)
            if known:
                return known
        answer = self._patiently(lambda: _hub.listing_of(wish.access, commit))
        listing = {name: Listed(**listed) for name, listed in answer["listing"].items()}
        return Stamp(wish.access.repo_id, commit, "hub", listing)

    def _patiently(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Ask until the Hub answers, or refuses for good, or was asked often enough."""
        retries = self.wish.patience.retries
        for attempt in range(1, retries + 2):
            self.report({"phase": "ask"})
            answer = dict(ask(work, _ASK_SECONDS))
            if not {"refusal", "died", "broke"} & set(answer):
                return answer
            text = f"the process that asked the Hub ended {end_of(answer)}"
            refusal = answer.get("refusal") or {"text": text, "final": False, "wait": None}
            if refusal["final"] or attempt > retries:
                attempts = "" if refusal["final"] else f" (after {attempt} attempts)"
                raise CacheError(f"{refusal['text']}{attempts}{self._instead()}")
            seconds = pause(attempt, refusal["wait"], refusal["text"])
            self.report({"phase": "ask", "trouble": f"{refusal['text']} (again in {seconds:.0f} s)"})
            time.sleep(seconds)
        raise AssertionError("not reached")

    def _instead(self) -> str:
        """Tell of what the cache holds, for whom that does."""
        wish = self.wish
        commit = present_commit(wish.cache_dir, wish.access.repo_id, wish.revision)
        if commit is None or read_stamp(wish.folder, commit) is None:
            return ""
        return f". The cache holds commit {commit} of it, verified: offline: true is content with that"

    def _need_library(self) -> None:
        error = import_error()
        if error:
            raise CacheError(
                "expected the Python library huggingface_hub, which asks the Hub, found none; run the module with the "
                f"managed environment's Python (ansible_python_interpreter), or give the model by source. {error}"
            )

    def _lacking(self, how: str) -> str:
        return (
            f"{self.wish.access.repo_id} at revision {self.wish.revision} {how} {self.wish.cache_dir}, and offline "
            "forbids to fetch it; run once with offline: false, or give a folder with the model by source"
        )


@dataclass
class FolderOrigin:
    """A folder on the host."""

    wish: Wish
    report: Report
    name: str = "folder"
    _source: _model_folder.Source = field(default_factory=lambda: _model_folder.Source({}, {}))
    _memory: dict[str, Any] = field(default_factory=dict)

    def identify(self) -> Stamp:
        """Return the commit and the folder's files. Raises CacheError."""
        wish = self.wish
        patterns = (wish.allow_patterns, wish.ignore_patterns)
        read = 0

        def count(n_bytes: int) -> None:
            nonlocal read
            read += n_bytes
            self.report({"phase": "read", "bytes_done": read})

        self._source, self._memory = _model_folder.look(wish.source or "", patterns, wish.folder, count)
        commit = _model_folder.commit_of(wish.source or "", wish.revision, self._source.listing)
        known = local_listing(wish.folder, commit)
        if known and known.origin != self.name and set(self._source.listing) >= set(wish.wanted(known.listing)):
            return known
        return Stamp(wish.access.repo_id, commit, self.name, self._source.listing)

    def fetch(self, commit: str, files: Mapping[str, Listed], staging: Path, keep: Keep) -> None:
        """Copy files. Raises CacheError."""
        done, total = 0, sum(listed.size for listed in files.values())
        for staged in staging_of(staging, files):
            self.report({"phase": "copy", "bytes_done": done, "bytes_total": total})
            path = self._source.files[staged.name]
            keep(
                staged.staged,
                staged.listed,
                _model_folder.stage(path, staged.staged, staged.listed, self.wish.hard_links),
            )
            done += staged.listed.size

    def remember(self) -> None:
        """Keep what was read of the folder, so that the next run need not read it again."""
        _model_folder.remember(self.wish.folder, self._memory)
