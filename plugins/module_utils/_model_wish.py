# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: model wish - which files of which model are wanted and where from, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._fetch import Patience
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, is_commit, repo_folder, wanted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hub_client import Access
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_listing import check
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import Listed


@dataclass(frozen=True)
class Wish:
    """What is wanted. `reread`: believe no earlier verification. `reserve`: see _model_space.need_space."""

    access: Access
    revision: str
    cache_dir: str
    allow_patterns: Optional[Sequence[str]] = None
    ignore_patterns: Optional[Sequence[str]] = None
    offline: bool = False
    source: Optional[str] = None
    hard_links: bool = False
    peers: Optional[Mapping[str, Any]] = None
    reread: bool = False
    reserve: Mapping[str, int] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)

    @property
    def folder(self) -> Path:
        """The model's folder in the cache."""
        return repo_folder(self.cache_dir, self.access.repo_id)

    @property
    def asks_nobody(self) -> bool:
        """Whether the commit can be told without the Hub."""
        return self.offline or self.source is not None or is_commit(self.revision)

    def wanted(self, listing: Mapping[str, Listed]) -> dict[str, Listed]:
        """Return those files of a commit that the patterns let through.

        Raises CacheError when these are none, or the list is none that may be used.
        """
        check(listing)
        some = {n: one for n, one in listing.items() if wanted(n, self.allow_patterns, self.ignore_patterns)}
        if not some:
            raise CacheError(
                f"no file of {self.access.repo_id} matches the patterns; correct allow_patterns and ignore_patterns"
            )
        return some


@dataclass
class Outcome:
    """What a run found and did: `files` moved, `n_bytes` in all and by their `origins`; `damaged` were mended.

    `problem` says why the revision is not verified, where only that was asked for.
    """

    commit: str
    path: str
    files: tuple[str, ...] = ()
    n_bytes: int = 0
    changed: bool = False
    verified: bool = False
    total_bytes: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problem: str = ""
