"""The role vllm serves what was verified, and nothing else unless it is told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from playbook_host import Host, counts, one_host, said

pytestmark = pytest.mark.slow


@pytest.fixture
def host(tmp_path: Path, prefix: str, free_port: Callable[[], int], simulator_image: str, environment: Path) -> Host:
    server = {"name": f"{prefix}-server", "image": simulator_image, "port": free_port()}
    return one_host(tmp_path, environment, server)


def test_what_was_not_verified_is_refused_by_name(host: Host, tmp_path: Path, engine: docker.APIClient) -> None:
    bare = host.play("serve", hf_cache_models=[])
    assert bare.returncode == 2, bare.stdout
    assert "Expected verified models on one; no server was changed" in said(bare)
    assert "no snapshot of it in" in said(bare)
    assert "hf_cache_models" in said(bare) and "vllm_verified_models_only: false" in said(bare)
    assert not engine.containers(all=True, filters={"name": host.server["name"]})

    brought = host.play("serve")
    assert brought.returncode == 0, brought.stdout
    trusted = host.play("serve", hf_cache_models=[])
    assert trusted.returncode == 0, trusted.stdout
    served = host.container(engine)["Id"]

    (config,) = (tmp_path / "state/huggingface/hub").glob("models--*/snapshots/*/config.json")
    config.resolve().write_text("{")
    harmed = host.play("serve", hf_cache_models=[])
    assert harmed.returncode == 2, harmed.stdout
    assert "config.json: 1 bytes instead of" in said(harmed)
    assert host.container(engine)["Id"] == served

    told = host.play("serve", hf_cache_models=[], vllm_verified_models_only=False)
    assert told.returncode == 0, told.stdout

    mended = host.play("serve")
    assert mended.returncode == 0, mended.stdout
    assert counts(mended)["changed"] >= 1
    assert config.read_text() == (tmp_path / "model/config.json").read_text()
    again = host.play("serve", hf_cache_models=[])
    assert again.returncode == 0, again.stdout
