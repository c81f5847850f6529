"""A model of the Hub on three hosts in containers: it leaves the Hub once, and then goes from host to host."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench" / "models"))

from fleet import MODEL, Fleet, HubProcess, Run, fleet, hub  # noqa: E402  (the path comes first)

pytestmark = pytest.mark.slow
PREFIX = "gpt-oss-itest-fleet"
SIZE = 60_000_000
MEGA = 1_000_000


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(PREFIX, 3, 100 * MEGA, tmp_path_factory.mktemp("fleet")) as made:
        yield made


@pytest.fixture
def origin(three: Fleet) -> Iterator[HubProcess]:
    with hub(PREFIX, 15, SIZE // MEGA, 100 * MEGA) as process:
        yield process


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> str:
    """A cache of this test's own on each host."""
    return f"/data/{request.node.name}"


def bring(three: Fleet, origin: HubProcess, cache: str, **variables: Any) -> Run:
    models = [{"repo_id": MODEL, "endpoint": origin.endpoint}]
    return three.run(**{"hf_cache_models": models, "hf_cache_path": cache, **variables})


def served(origin: HubProcess) -> float:
    """How many times the model left the Hub."""
    content = origin.books()["content"]
    return sum(size for name, size in content.items() if name.endswith(".safetensors")) / SIZE


def test_once_from_the_hub(three: Fleet, origin: HubProcess, cache: str) -> None:
    foreseen = bring(three, origin, cache, options=("--check",))
    assert foreseen.rc == 0 and served(origin) == 0, foreseen.output
    done = bring(three, origin, cache)
    assert done.rc == 0 and "WARNING" not in done.output, done.output
    assert (served(origin), origin.books()["repeated"]) == (1, {})
    assert len(three.sums(cache)) == 1 and not three.left(cache)
    assert all(done.changed.values())
    again = bring(three, origin, cache)
    assert again.rc == 0 and not any(again.changed.values()), again.output
    assert served(origin) == 1


def test_another_one_brings_it(three: Fleet, origin: HubProcess, cache: str) -> None:
    """The first host has no room; that is its own failure, and does not send the others to the Hub one by one."""
    full = {three.hosts[0]: {"hf_cache_reserve": {"/": "100000G"}}}
    done = bring(three, origin, cache, own=full)
    assert done.rc != 0 and "free space" in done.output, done.output
    assert served(origin) == 1 and len(three.sums(cache, three.hosts[1:])) == 1
    # It has room again: the others have it meanwhile, and the Hub is away.
    origin.down("hub", "cdn")
    done = bring(three, origin, cache, hf_cache_offline=True)
    assert done.rc == 0, done.output
    assert served(origin) == 1 and len(three.sums(cache)) == 1 and not three.left(cache)


def test_peers_out_of_reach(three: Fleet, origin: HubProcess, cache: str) -> None:
    """Nobody reaches anybody: each host asks the Hub after a while, and says why."""
    done = bring(three, origin, cache, hf_cache_share_bind_address="127.0.0.1")
    assert done.rc == 0 and "did not come from other hosts" in done.output, done.output
    assert served(origin) == 3 and len(three.sums(cache)) == 1 and not three.left(cache)


def test_few_forks(three: Fleet, origin: HubProcess, cache: str) -> None:
    """With one fork, all fetch at the same time all the same."""
    done = bring(three, origin, cache, options=("--forks=1",), hf_cache_share_upload_rate="3M")
    assert done.rc == 0 and served(origin) == 1, done.output
    jobs = [json.loads(host.run(f"cat {cache}/hub/models--*/.gpt_oss/jobs/*/status.json")) for host in three.hosts[1:]]
    assert max(job["updated"] - job["result"]["seconds"] for job in jobs) < min(job["updated"] for job in jobs), jobs
