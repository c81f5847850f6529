"""Real vLLM loads what hf_model fetched from a Hub on loopback: with that Hub beside it, and without any.

The Hub is the look-alike of tests/lookalike_hub. Its books tell who asked for what.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import INVENTORY, MODEL, PORT, ROOT, SERVER, STATE, docker, playbook

sys.path.insert(0, str(ROOT / "tests"))

from lookalike_hub import Hub  # noqa: E402  (the path comes first)

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
NAME, ITS_PORT = f"{SERVER}-models", PORT + 30
HOME = STATE / "huggingface-hub"
CACHE = HOME / "hub" / f"models--{MODEL.replace('/', '--')}"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub whose model is laid out as gpt-oss is: with an index, and with its weights in another format too."""
    source = Path(os.environ["ACCEPTANCE_MODEL"])
    files = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
    more = {INDEX: index_of(source / WEIGHTS), "original/model.safetensors": b"o" * 100_000}
    with Hub() as hub:
        hub.add(MODEL).commit({**files, **more}, commit=COMMIT)
        yield hub


def index_of(weights: Path) -> str:
    """Return the index of a model whose tensors are all in one file; its header is JSON, after its length."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        names = json.loads(file.read(length)).keys() - {"__metadata__"}
    return json.dumps({"metadata": {}, "weight_map": dict.fromkeys(sorted(names), weights.name)})


@pytest.fixture(scope="module", autouse=True)
def remove() -> Iterator[None]:
    subprocess.run(["rm", "-rf", str(HOME)], check=True)
    yield
    subprocess.run(["docker", "rm", "--force", NAME], capture_output=True, check=False)


def variables(hub: Hub, **environment: str) -> dict[str, Any]:
    """The inventory's server, on the host's network, where the Hub is, with a pinned model of that Hub."""
    entry = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["all"]["vars"]["vllm_servers"][0]
    changes = {
        "name": NAME,
        "port": ITS_PORT,
        "network_mode": "host",
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", **environment},
    }
    return {
        "gpt_oss_hf_home": str(HOME),
        "hf_cache_models": [{"repo_id": MODEL, "revision": COMMIT, "endpoint": hub.endpoint}],
        "vllm_servers": [{**entry, **changes}],
        "vllm_smoke_compare_efforts": False,
    }


def fetched(hub: Hub) -> set[str | None]:
    return {record.file for record in hub.books.requests() if record.is_content}


def test_once_fetched_and_verified_it_is_served_without_the_hub(hub: Hub) -> None:
    run = playbook("serve", "serve a model of the Hub", variables(hub, HF_ENDPOINT=hub.endpoint))
    assert run.rc == 0, run.output[-4000:]
    assert WEIGHTS in fetched(hub) and "original/model.safetensors" not in fetched(hub)
    assert hub.books.repeated() == {}
    assert docker("inspect", "--format", '{{index .Config.Labels "gpt_oss.fleet.revision"}}', NAME) == COMMIT
    assert not list((CACHE / "trees").glob("*.json"))


def test_again_nothing_is_asked_and_nothing_changes(hub: Hub) -> None:
    hub.books.clear()
    hub.down()
    run = playbook("serve", "serve it again, the Hub down", variables(hub, HF_ENDPOINT=hub.endpoint))
    hub.up()
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]


def test_online_it_takes_the_same_files_from_the_cache(hub: Hub) -> None:
    hub.books.clear()
    online = variables(hub, HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="0")
    run = playbook("serve", "serve it online", online)
    assert run.rc == 0, run.output[-4000:]
    assert hub.books.requests(), "vLLM was to ask the Hub"
    # What vLLM overlooks the index for, see the role's README: what was verified it does not fetch again.
    assert fetched(hub) <= {"original/model.safetensors"}
