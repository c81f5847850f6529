from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._accepted import (
    accept,
    before,
    entries_of,
    entry_of,
    reject,
    restored,
)
from ansible_collections.gpt_oss.fleet.plugins.modules.vllm_container import argument_spec

DEFAULTS = {name: option.get("default") for name, option in argument_spec().items()}


def entry(sha256: str, now: str = "t", **parameters: Any) -> dict[str, Any]:
    return entry_of({**DEFAULTS, "name": "s", "image": f"i:{sha256}", **parameters}, sha256, f"sha256:{sha256}", now)


A, B, C = entry("a"), entry("b"), entry("c")


def digests(entries: Any) -> str:
    return "".join(kept["sha256"] for kept in entries)


@pytest.mark.parametrize(
    ("entries", "new", "kept"),
    [([], A, "a"), ([A], B, "ba"), ([B, A], A, "ab"), ([B, A], B, "ba"), ([entry(x) for x in "fedcb"], A, "afedc")],
)
def test_the_newest_stands_first(entries: list[Any], new: Any, kept: str) -> None:
    assert digests(accept(entries, new)) == kept


def test_accepted_again_it_keeps_its_time_but_a_changed_secret_is_kept() -> None:
    assert accept([A, B], entry("a", now="later")) == [A, B]
    renewed = entry("a", now="later", environment={"HF_TOKEN": "new"})
    assert accept([A, B], renewed) == [renewed, B]


def test_a_version_that_is_told_otherwise_is_no_other_description() -> None:
    """A rollout's plan would have each deployed host proven again: it knows the tag's version, not the image's own."""
    deployed = entry("a", kernel_proof={"vllm_version": "0.32.0+simulator", "subjects": ["moe"]})
    looked_at = entry("a", now="later", kernel_proof={"vllm_version": "0.32.0", "subjects": ["moe"]})
    assert accept([deployed, B], looked_at) == [deployed, B]
    demanding = entry("a", kernel_proof={"vllm_version": "0.32.0", "subjects": ["moe", "attention"]})
    assert accept([deployed, B], demanding) == [demanding, B]


@pytest.mark.parametrize(
    ("before_it", "now", "kept"),
    [
        ([], ["smoke"], ["smoke"]),
        (["smoke"], ["eval"], ["eval", "smoke"]),
        (["eval", "smoke"], ["smoke"], ["eval", "smoke"]),
    ],
)
def test_what_a_description_passed_adds_up(before_it: list[str], now: list[str], kept: list[str]) -> None:
    entries = [entry("a", proofs=before_it), B]
    found = accept(entries, entry("a", now="later", proofs=now))
    assert found[0]["proofs"] == kept and (found == entries) == (before_it == kept)
    assert accept([B, *entries], entry("a", proofs=now))[0]["proofs"] == sorted(now), "it was replaced since"
    old = {key: value for key, value in A.items() if key != "proofs"}
    assert accept([old], A) == [old], "kept before there were proofs"


def test_what_is_rejected_is_not_gone_back_to() -> None:
    assert digests(reject([A, B, C], "a")) == "bc" and reject([B], "a") == [B]


@pytest.mark.parametrize(("entries", "wanted", "found"), [([A, B], "a", "b"), ([A, B], "x", "a"), ([A], "a", None)])
def test_what_a_rollback_goes_back_to(entries: list[Any], wanted: str, found: str | None) -> None:
    chosen = before(entries, wanted)
    assert (chosen["sha256"] if chosen else None) == found


def test_only_the_description_is_restored() -> None:
    kept = entry("a", arguments=["m", "--old"], timeout=1)
    today = {**DEFAULTS, "name": "s", "image": "i:new", "arguments": ["m"], "timeout": 900, "state": "started"}
    found = restored(today, kept, "sha256:a")
    assert (found["image"], found["arguments"], found["timeout"], found["pull"]) == (
        "i:a",
        ["m", "--old"],
        900,
        "never",
    )


def test_a_tag_that_moved_is_not_trusted() -> None:
    assert restored(DEFAULTS, A, "sha256:other")["image"] == "sha256:a"
    assert restored(DEFAULTS, A, None)["image"] == "sha256:a"


def test_each_option_is_either_of_the_description_or_of_the_call() -> None:
    """An option that was forgotten here would not come back with a rollback."""
    of_the_call = {
        "name", "state", "pull", "restart_policy", "wait", "timeout", "stage_timeouts", "stop_timeout",
        "drain_timeout", "rollback", "proofs", "state_path", "background", "start", "docker_host",
        "secret_environment",  # which is joined to `environment` before
    }  # fmt: skip
    assert set(A["parameters"]) | of_the_call == set(DEFAULTS)


@pytest.mark.parametrize(
    "damaged", [None, 7, "text", {"a": 1}, [1], [{"sha256": 1}], [{"sha256": "a", "parameters": []}]]
)
def test_what_a_damaged_file_holds_is_no_entry(damaged: Any) -> None:
    assert entries_of(damaged) == []
    if isinstance(damaged, list):
        assert entries_of([*damaged, A]) == [A], "the others count"
