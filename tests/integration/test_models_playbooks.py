"""The playbooks models and prune_models over several hosts, with real caches, and what they show."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from cache_harness import LARGE, SMALL, commit_of, download, everything, hub_with_models
from hub_harness import Hub
from playbook_host import Host, counts, said, this_machine

pytestmark = pytest.mark.slow

FOLDER = "models--openai--gpt-oss-20b"


@pytest.fixture
def models() -> Iterator[Hub]:
    """A Hub with two models."""
    with hub_with_models() as hub:
        yield hub


@pytest.fixture
def fleet(tmp_path: Path, models: Hub, environment: Path) -> Host:
    """Three hosts, two of them this machine with a cache each, and one that is away. The environment is in common."""
    shared = {
        **this_machine(tmp_path / "one", environment),
        "hf_cache_leftover_age": 0,
        "gpt_oss_throttle": 1,
        "hf_cache_models": [
            {"repo_id": SMALL, "endpoint": models.endpoint, "ignore_patterns": ["sub/*"]},
            {"repo_id": LARGE, "revision": commit_of(models, LARGE), "endpoint": models.endpoint},
        ],
    }
    hosts = {
        "one": {},
        "two": {"gpt_oss_state_path": str(tmp_path / "two")},
        "away": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}))
    return Host(tmp_path, inventory, {}, {"cache_report_path": str(tmp_path / "caches.json")})


def table_of(run: subprocess.CompletedProcess[str], fleet: Host) -> list[str]:
    """Return the table as it was printed, which must be as narrow as it says."""
    table: list[str] = json.loads((fleet.root / "caches.json").read_text())["table"]
    assert all(line in run.stdout for line in table) and max(map(len, table)) <= 100, run.stdout
    return table


def failed(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    return {name: counts(run, name)["failed"] for name in ("one", "two")}


def changed(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    return {name: counts(run, name)["changed"] for name in ("one", "two")}


@pytest.mark.slow
def test_models_are_brought_and_shown(fleet: Host, models: Hub) -> None:
    run = fleet.play("models")
    assert failed(run) == {"one": 0, "two": 0}, said(run)
    assert changed(run)["two"] == 2, "the folder, and the models"
    table = table_of(run, fleet)
    assert table[0].split() == ["host", "free", "model", "revision", "size", "verified", "used", "by", "last", "read"]
    rows = [line.split() for line in table if " whole " in line]
    assert [(row[0], row[-4:-1]) for row in rows] == [
        (first, [size, "whole", "-"]) for host in ("one", "two") for first, size in ((host, "400K"), (SMALL, "300K"))
    ]
    assert "nothing is known of this host" in said(run) and counts(run, "away")["unreachable"] == 1
    again = fleet.play("models", "--limit", "one,two")
    assert changed(again) == {"one": 0, "two": 0} and again.returncode == 0, said(again)
    looked = fleet.play("models", "--limit", "one,two", "--check")
    assert changed(looked) == {"one": 0, "two": 0} and looked.returncode == 0, said(looked)
    for count in (2, 0):
        owned = fleet.play("models", "--limit", "one", hf_cache_owner="2000")
        assert counts(owned)["changed"] == count, said(owned)
    hub = fleet.root / "one/huggingface/hub"
    assert {path.lstat().st_uid for path in (hub, *hub.rglob("*"))} == {2000}


def test_a_host_that_cannot_have_its_models_is_shown_too(fleet: Host, models: Hub) -> None:
    models.fault("no_repository")
    run = fleet.play("models", "--limit", "one")
    assert run.returncode == 2 and counts(run)["failed"] == 1
    told = said(run)
    assert "correct repo_id" in told and "1 of 1 host failed: one." in told
    assert "correct repo_id" in " ".join(" ".join(table_of(run, fleet)).split())


@pytest.fixture
def cache(fleet: Host, models: Hub) -> Path:
    """The cache of the first host: what is wanted, what is not, and what is left of a download."""
    folder = fleet.root / "one/huggingface/hub"
    folder.parent.mkdir(parents=True)
    download(folder, models, (SMALL, "main"), (SMALL, "next"), (LARGE, "main"))
    (folder / FOLDER / "blobs/a.12345678.incomplete").write_bytes(b"i" * 70_000)
    return folder


def test_pruning_shows_first_and_removes_when_told(fleet: Host, cache: Path, models: Hub) -> None:
    before = everything(cache)
    shown = fleet.play("prune_models")
    assert failed(shown) == {"one": 0, "two": 0} and changed(shown) == {"one": 0, "two": 0}, said(shown)
    assert everything(cache) == before
    table = table_of(shown, fleet)
    assert "Would remove on one: 270K" in table and "Would remove on two: nothing" in table
    assert f"    200K  {SMALL} {commit_of(models, SMALL, 'next')} (next)" in table
    assert f"   70.0K  incomplete {FOLDER}/blobs/a.12345678.incomplete" in table
    assert "Nothing was removed: 270K on 1 host would go with -e hf_cache_prune=true." in said(shown)

    run = fleet.play("prune_models", hf_cache_prune=True)
    assert changed(run) == {"one": 1, "two": 0} and failed(run) == {"one": 0, "two": 0}, said(run)
    assert "Removed 270K on 1 host." in said(run)
    report = json.loads((fleet.root / "caches.json").read_text())
    assert report["done"] and [row["kind"] for row in report["removed"]] == ["revision", "incomplete"]
    assert {(row["repo_id"], ref) for row in report["revisions"] for ref in row["refs"]} == {
        (SMALL, "main"),
        (LARGE, "main"),
    }
    assert changed(fleet.play("prune_models", hf_cache_prune=True)) == {"one": 0, "two": 0}


def test_what_a_server_needs_is_not_removed(
    fleet: Host, cache: Path, models: Hub, engine: docker.APIClient, prefix: str, simulator_image: str
) -> None:
    before = everything(cache)
    # A server that was deployed by hand needs all revisions of its model.
    container = engine.create_container(
        simulator_image, [SMALL], name=f"{prefix}-server",
        host_config=engine.create_host_config(binds=[f"{cache.parent}:/root/.cache/huggingface"]),
    )  # fmt: skip
    kept = fleet.play("prune_models", hf_cache_prune=True, hf_cache_prune_leftovers=False)
    assert changed(kept) == {"one": 0, "two": 0} and everything(cache) == before, said(kept)
    assert f"stays: {SMALL} {commit_of(models, SMALL, 'next')[:8]} next: used by {prefix}-server" in said(kept)
    engine.remove_container(container["Id"])
    checked = fleet.play("prune_models", "--check", "--diff", hf_cache_prune=True)
    assert changed(checked) == {"one": 1, "two": 0} and everything(cache) == before, said(checked)
    assert re.search(r"-\S*12345678.incomplete: incomplete, 70,000 bytes", checked.stdout)


@pytest.mark.parametrize("how", [{"gpt_oss_docker_host": "unix:///nowhere/docker.sock"}, {"hf_cache_keep": [{}]}])
def test_nothing_is_pruned_blindly(fleet: Host, cache: Path, how: dict[str, Any]) -> None:
    before = everything(cache)
    run = fleet.play("prune_models", "--limit", "one", hf_cache_prune=True, **how)
    assert run.returncode == 2 and counts(run)["failed"] == 1, said(run)
    assert everything(cache) == before
    if "gpt_oss_docker_host" in how:
        assert "nothing was removed" in said(run) and " ? " in "\n".join(table_of(run, fleet))
