# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that cannot be resolved, and hosts that swallow each packet, in a network of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import ROOT, Seen
from hub_harness import Hub, bring, stamps, whole
from image_harness import Images
from private_engine import PrivateEngine, private_engine
from private_network import BLACK_HOLE, Network, private_network

MODULE = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
name, arguments = sys.argv[1], json.loads(sys.argv[2])
module = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.modules.{name}")
with patch_module_args(arguments):
    module.main()
"""
HEAD = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with private_network() as made:
        yield made


def module(network: Network, name: str, **arguments: Any) -> dict[str, Any]:
    """Run a module in a process of that network; returns its result, failed or not."""
    done = subprocess.run(
        [*network.prefix, sys.executable, "-c", MODULE, name, json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".ansible/collections"), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return dict(json.loads(done.stdout))


HUB_FAULTS = [
    pytest.param(
        "http://hub.invalid",
        id="dns",
        marks=pytest.mark.fault(
            kind="DNS failure",
            stage="models",
            fault="the Hub's name cannot be resolved",
            sees="hub.invalid … check network, proxy",
            kept="the cache as it was; no stamp says whole",
            next_run="fetches the model",
        ),
    ),
    pytest.param(
        f"http://{BLACK_HOLE}",
        id="black hole",
        marks=pytest.mark.fault(
            kind="blackholed network",
            stage="models",
            fault="packets to the Hub get no answer, and no refusal either",
            sees="192.0.2.1 … timed out … check network, proxy",
            kept="the cache as it was; no stamp says whole",
            next_run="fetches the model",
        ),
    ),
]


@pytest.mark.parametrize("endpoint", HUB_FAULTS)
def test_a_hub_out_of_reach(network: Network, hub: Hub, tmp_path: Path, endpoint: str, seen: Seen) -> None:
    options = {"repo_id": "openai/gpt-oss-20b", "cache_dir": str(tmp_path), "retries": 0, "stall_timeout": 2}
    begin = time.monotonic()
    failed = module(network, "hf_model", endpoint=endpoint, **options)
    assert failed["failed"] and time.monotonic() - begin < 30
    assert stamps(tmp_path) == []
    seen(failed["msg"])
    whole(bring(hub, tmp_path))


DATA_FAULTS = [
    pytest.param(
        "http://data.invalid/gpqa.csv",
        id="dns",
        marks=pytest.mark.fault(
            kind="DNS failure",
            stage="evaluate",
            fault="the name of where a data set lies cannot be resolved",
            sees="wanted the data file gpqa.csv of the task gpqa, found it nowhere … data.invalid … put the file into",
            kept="the cache as it was",
            next_run="fetches the file, or takes one that was put there",
        ),
    ),
    pytest.param(
        f"http://{BLACK_HOLE}/gpqa.csv",
        id="black hole",
        marks=pytest.mark.fault(
            kind="blackholed network",
            stage="evaluate",
            fault="packets to where a data set lies get no answer",
            sees="wanted the data file gpqa.csv of the task gpqa, found it nowhere … timed out … put the file into",
            kept="the cache as it was",
            next_run="fetches the file, or takes one that was put there",
        ),
    ),
]


@pytest.mark.parametrize("address", DATA_FAULTS)
def test_a_data_set_out_of_reach(network: Network, tmp_path: Path, address: str, seen: Seen) -> None:
    options = {"data": {"gpqa": [[address]]}, "cache": str(tmp_path / "cache"), "timeout": 2}
    failed = module(network, "eval_data", **options)
    assert failed["failed"] and list((tmp_path / "cache").iterdir()) == []
    seen(failed["msg"])
    (tmp_path / "cache" / "gpqa.csv").write_text(HEAD + "Which?,a,b,c,d\n")
    assert not module(network, "eval_data", **options).get("failed")


@pytest.fixture(scope="module")
def lonely(network: Network) -> Iterator[PrivateEngine]:
    """A Docker Engine in that network."""
    with private_engine(prefix=network.prefix) as engine:
        yield engine


REGISTRY_FAULTS = [
    pytest.param(
        "registry.invalid:5000",
        id="dns",
        marks=pytest.mark.fault(
            kind="DNS failure",
            stage="images",
            fault="the registry's name cannot be resolved",
            sees="expected to pull the image registry.invalid:5000/ … check network, DNS and proxy of the engine",
            kept="the engine's images as they were",
            next_run="pulls the image, or takes one that was loaded",
        ),
    ),
    pytest.param(
        f"{BLACK_HOLE}:5000",
        id="black hole",
        marks=pytest.mark.fault(
            kind="blackholed network",
            stage="images",
            fault="packets to the registry get no answer",
            sees="expected to pull the image 192.0.2.1:5000/ … check network, DNS and proxy of the engine",
            kept="the engine's images as they were",
            next_run="pulls the image, or takes one that was loaded",
        ),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("registry", REGISTRY_FAULTS)
def test_a_registry_out_of_reach(
    lonely: PrivateEngine, engine: docker.APIClient, tmp_path: Path, registry: str, seen: Seen
) -> None:
    images = Images(engine, tmp_path / "state")
    try:
        images.name = f"{registry}/{images.prefix}/tiny:1"
        begin = time.monotonic()
        failed = images.image(docker_host=lonely.address)
        assert failed["failed"] and time.monotonic() - begin < 90
        seen(failed["msg"])
        images.make()
        lonely.client().load_image(b"".join(engine.get_image(images.name)))
        assert images.image(docker_host=lonely.address)["changed"] is False
    finally:
        images.clear()
