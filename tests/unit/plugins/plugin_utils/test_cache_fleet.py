from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_fleet import fleet_caches, size
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cache_table import cache_table

SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
A, B = "a" * 40, "b" * 40
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
CALM = {"count": 0, "paths": []}


def revision(repo_id: str = SMALL, commit: str = A, **fields: Any) -> dict[str, Any]:
    return {
        "repo_id": repo_id, "commit": commit, "refs": ["main"], "path": "/hub/s", "files": 9, "bytes": 13_800_000_000,
        "own_bytes": 13_800_000_000, "shared_bytes": 0, "verified": "whole", "problems": {}, "used_by": ["gpt-oss-20b"],
        "last_accessed": "2027-01-15T06:00:00Z", "last_modified": "2027-01-01T06:00:00Z", "brought_by": "",
        "tree_lacks": 0, **fields,
    }  # fmt: skip


def host(
    *revisions: dict[str, Any], problem: str = "", pruned: dict[str, Any] | None = None, **cache: Any
) -> dict[str, Any]:
    disk = {
        "mount": "/", "total_bytes": 10**12, "free_bytes": 5 * 10**11, "total_inodes": 1000, "free_inodes": 900,
        "read_only": False,
    }  # fmt: skip
    access = {"owner": "root", "mode": "0755", "owners": [], "foreign": CALM, "unreadable": CALM, "unseen": CALM}
    found = {
        "folder": "/hub", "exists": True, "bytes": sum(row["bytes"] for row in revisions), "files": 9, "disk": disk,
        "revisions": list(revisions), "others": [], "leftovers": [], "access": access, "users_problem": "", **cache,
    }  # fmt: skip
    return {"cache": found, "pruned": pruned, "problem": problem}


NOTHING = {"cache": None, "pruned": None, "problem": ""}


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0K"), (99_949, "99.9K"), (99_950, "100K"), (999_499, "999K"), (999_500, "1.0M")]
    + [(65_248_893_184, "65.2G"), (3_500_000_000_000, "3.5T"), (9_999_000_000_000_000, "9999T")],
)
def test_sizes(n_bytes: int, text: str) -> None:
    assert size(n_bytes) == text


def test_a_fleet_as_a_table() -> None:
    report = fleet_caches(
        {
            "b200-01": host(revision(LARGE, B, bytes=65_200_000_000, used_by=["gpt-oss-120b"]), revision()),
            "b200-02": host(revision(used_by=[], verified="part", refs=[], last_accessed=None)),
            "b200-03": host(),
            "b200-04": NOTHING,
        }
    )
    assert report["sentence"] == "3 caches: 2 revisions of 2 models, 92.8G in all. 1 of 4 hosts failed: b200-04."
    lines = cache_table(report, NOW)
    assert lines[0].split()[:4] == ["host", "free", "model", "revision"]
    assert lines[2].split() == [
        "b200-01",
        "500G/1.0T",
        LARGE,
        "bbbbbbbb",
        "main",
        "65.2G",
        "whole",
        "gpt-oss-120b",
        "2.0h",
    ]
    assert lines[3].split() == [SMALL, "aaaaaaaa", "main", "13.8G", "whole", "gpt-oss-20b", "2.0h"]
    assert lines[4].split() == ["b200-02", "500G/1.0T", SMALL, "aaaaaaaa", "13.8G", "PART", "-", "-"]
    assert "was never finished" in lines[5]
    assert "nothing is known of this host" in " ".join(lines)


REMARKS = [
    (
        {"verified": "damaged", "problems": {"a": "is not there", "b": "changed"}},
        "is damaged: a is not there and b changed;",
    ),
    ({"verified": "part"}, "was never finished"),
    ({"verified": "part", "brought_by": "a job that brings it"}, "a job that brings it is at work"),
    ({"tree_lacks": 1}, "1 file more than are here"),
]


@pytest.mark.parametrize(("fields", "text"), REMARKS)
def test_what_is_said_of_a_revision(fields: dict[str, Any], text: str) -> None:
    (remark,) = fleet_caches({"a": host(revision(**fields))})["remarks"]
    assert text in remark["text"] and remark["text"].startswith(f"{SMALL} aaaaaaaa")


@pytest.mark.parametrize(
    ("cache", "text"),
    [
        ({"disk": {"mount": "/data", "total_bytes": 100, "free_bytes": 4}}, "/data has 4 of its space left (4 %)"),
        (
            {"disk": {"mount": "/", "total_bytes": 9, "free_bytes": 9, "total_inodes": 10**6, "free_inodes": 2000}},
            "/ has 2,000 of its inodes left (0 %)",
        ),
        (
            {"leftovers": [{"kind": "shared_blob", "bytes": 5_000}, {"kind": "ref", "bytes": 0}] * 2},
            "leftovers of 10.0K (2 shared blob, 2 ref): the playbook prune_models",
        ),
        ({"users_problem": "no engine"}, "who uses what cannot be told: no engine"),
    ],
)
def test_what_is_said_of_a_cache(cache: dict[str, Any], text: str) -> None:
    (remark,) = fleet_caches({"a": host(**cache)})["remarks"]
    assert text in remark["text"]


@pytest.mark.parametrize("name", ["foreign", "unreadable", "unseen"])
def test_what_is_said_of_rights(name: str) -> None:
    found = host()
    found["cache"]["access"][name] = {"count": 12, "paths": ["/hub/x"]}
    (remark,) = fleet_caches({"a": found})["remarks"]
    assert remark["text"].startswith("12 paths") and "such as /hub/x: " in remark["text"]


def test_calm_hosts_and_a_disk_that_counts_no_inodes() -> None:
    assert (
        fleet_caches({"a": host(revision(), disk={"mount": "/", "total_inodes": 0, "free_inodes": 0})})["remarks"] == []
    )
    assert fleet_caches({"a": host(revision(), disk=None)})["hosts"][0]["free_bytes"] is None
    cache_table(fleet_caches({"a": host(revision(), disk=None)}), NOW)


def test_long_names_fit_into_100_columns() -> None:
    names = ["a-host-with-a-very-long-name.rack-17.datacenter-3.example.com", "b"]
    row = revision(
        "an-organisation-of-some-length/and-a-model-with-an-even-longer-name-instruct", A,
        refs=["main", "release-2026-11"], used_by=["server-one", "server-two", "process 12 (python3)"],
    )  # fmt: skip
    removed = [
        {"kind": "incomplete", "repo_id": "x", "commit": "", "refs": [], "path": f"/hub/{'x' * 200}", "bytes": 10**9}
    ] * 200
    kept = [{**row, "kind": "revision", "reason": "used by " + "server, " * 30}]
    pruned = {"removed": removed, "kept": kept, "done": True}
    report = fleet_caches({name: host(row, pruned=pruned) for name in names})
    lines = cache_table(report, NOW)
    assert max(map(len, lines)) <= 100
    assert "          ... and 104 more, in the report" in lines
    assert report["sentence"].endswith("Removed 400G on 2 hosts.")


def test_of_a_large_fleet_only_what_has_to_be_said() -> None:
    hosts = {f"host{number:04}": host(revision()) for number in range(1000)}
    hosts["host0500"] = host(revision(verified="damaged", problems={"a": "is not there"}))
    lines = cache_table(fleet_caches(hosts), NOW)
    assert len(lines) < 8 and "host0500" in lines[2]
    assert lines[-1] == "... and 999 hosts more, of which there is nothing to be said; the report has them all."


@pytest.mark.parametrize(
    ("pruned", "sentence"),
    [
        ({"removed": [], "kept": [], "done": False}, "There is nothing to remove."),
        (
            {"removed": [{"bytes": 5000}], "kept": [], "done": False},
            "5.0K on 1 host would go with -e hf_cache_prune=true.",
        ),
        ({"removed": [{"bytes": 5000}], "kept": [], "done": True}, "Removed 5.0K on 1 host."),
    ],
)
def test_what_went_in_one_sentence(pruned: dict[str, Any], sentence: str) -> None:
    assert fleet_caches({"a": host(pruned=pruned)})["sentence"].endswith(sentence)
