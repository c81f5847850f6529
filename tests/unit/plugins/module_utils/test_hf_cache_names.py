from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError, refuse_odd_names

REPO = "openai/gpt-oss-20b"


@pytest.mark.parametrize("repo_id", [REPO, "gpt2", "a/b_c.d-e", "_x/9", "openai/gpt-oss-20b-"])
def test_names_of_models(repo_id: str) -> None:
    refuse_odd_names(repo_id, "main")


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "a/b-c_d", "0" * 40])
def test_names_of_revisions(revision: str) -> None:
    refuse_odd_names(REPO, revision)


ODD = ["", ".", "..", "../..", "/etc", "a/../b", "-rf", "a/-b", "a b", "a\n", "a\0b", "a//b", "a/", "/", "a\\b", ".a"]


@pytest.mark.parametrize("repo_id", [*ODD, "a/b/c"])
def test_what_is_no_model(repo_id: str) -> None:
    with pytest.raises(CacheError, match="repo_id must look like"):
        refuse_odd_names(repo_id, "main")


@pytest.mark.parametrize("revision", [*ODD, "refs/../../../etc/cron.d/x"])
def test_what_is_no_revision(revision: str) -> None:
    with pytest.raises(CacheError, match="revision must be"):
        refuse_odd_names(REPO, revision)
