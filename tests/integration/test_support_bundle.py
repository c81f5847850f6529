# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/support_bundle.yml: what the host of a failed server can tell comes home, and no planted secret does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from conftest import DOCKER_HOST, ROOT
from playbook_host import PLAYBOOK, counts, said, this_machine

pytestmark = pytest.mark.slow

SECRETS = {
    "environment": "planted-environment-7f3a9c",
    "argument": "planted-argument-5d1b77",
    "key_file": "planted-key-file-90ab12",
    "accepted": "planted-accepted-33ce4d",
    "log": "hf_plantedlogtoken0123456789",
    "address": "planted-password-6b6b6b",
}
QUESTION = "planted question: which particle decays"
LOG = (
    f"echo 'INFO Received request x: prompt: \"{QUESTION}\", params: SamplingParams(n=1)'; "
    f"echo 'WARNING using {SECRETS['log']} at https://user:{SECRETS['address']}@mirror.example/x'; "
    f"echo 'the key is {SECRETS['key_file']}'; echo 'RuntimeError: CUDA out of memory'; exit 1"
)


@pytest.fixture
def host(tmp_path: Path, engine: docker.APIClient, simulator_image: str, prefix: str) -> Iterator[tuple[str, Path]]:
    """A host with a server that died, and what is kept of it; yields the server's name and the inventory."""
    name = f"{prefix}-server"
    container = engine.create_container(
        simulator_image, name=name, entrypoint=["/bin/sh", "-c", LOG, "--api-key", SECRETS["argument"]],
        environment={"HF_TOKEN": SECRETS["environment"], "PLAIN": "shown"},
    )  # fmt: skip
    engine.start(container)
    engine.wait(container)
    state = tmp_path / "state"
    (state / "servers" / name).mkdir(parents=True)
    accepted = [{"sha256": "1", "parameters": {"environment": {"MY_SECRET": SECRETS["accepted"]}}}]
    (state / "servers" / name / "accepted.json").write_text(json.dumps(accepted))
    run = state / "evaluate" / "runs" / name
    run.mkdir(parents=True)
    identity = {"sha256": "x", "identity": {"task": "gpqa", "reasoning_effort": "low"}}
    sample = {"question": 1, "repeat": 0, "outcome": "wrong", "text": f"You ask {QUESTION}. A", "extracted": "A"}
    (run / "gpqa-low-x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (identity, sample)))
    (run / "status.json").write_text(json.dumps({"state": "failed", "error": f"refused {SECRETS['accepted']}"}))
    (tmp_path / "key").write_text(SECRETS["key_file"] + "\n")
    server = {"name": name, "model": "openai/gpt-oss-20b", "port": 1, "api_key_file": str(tmp_path / "key")}
    variables = {
        **this_machine(state, Path(sys.prefix)), "vllm_servers": [server],
        "support_bundle_path": str(tmp_path / "bundles"),
    }  # fmt: skip
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": variables, "hosts": {"one": {}, "away": away}}}))
    yield name, inventory


def test_all_that_a_host_can_tell_comes_home_and_no_secret(host: tuple[str, Path], tmp_path: Path) -> None:
    name, inventory = host
    run = subprocess.run(
        [*PLAYBOOK, "gpt_oss.fleet.support_bundle", "-i", str(inventory)],
        capture_output=True, text=True, cwd=ROOT, timeout=600, check=False,
    )  # fmt: skip
    assert counts(run)["failed"] == 0 and counts(run)["changed"] == 0, said(run)
    assert counts(run, "away")["unreachable"] == 1 and run.returncode != 0
    with tarfile.open(tmp_path / "bundles" / "one.tar.gz") as archive:
        texts = {entry.name: archive.extractfile(entry).read().decode() for entry in archive}  # type: ignore[union-attr]
    everything = "\n".join([*texts.values(), (tmp_path / "bundles" / "index.html").read_text(), run.stdout])
    for where, secret in SECRETS.items():
        assert secret not in everything, where
    # The test's own script, which prints it, is what the container was made with.
    assert not [path for path, text in texts.items() if QUESTION in text and not path.endswith("inspect.json")]
    assert "CUDA out of memory" in texts[f"one/containers/{name}/log.txt"]
    assert '"PLAIN=shown"' in texts[f"one/containers/{name}/inspect.json"]
    failing = json.loads(texts[f"one/evals/{name}/gpqa-low-x.failing.json"])
    assert failing["counts"] == {"wrong": 1} and failing["samples"][0]["extracted"] == "A"
    manifest = json.loads(texts["one/manifest.json"])
    listed = {file["path"] for file in manifest["files"]}
    assert listed | {"manifest.json"} == {path.removeprefix("one/") for path in texts}
    missing = {part["part"]: part["reason"] for part in manifest["missing"]}
    assert "nvidia-smi is not on this host" in missing.get("host/nvidia-smi.txt", "nvidia-smi is not on this host")
    facts = {f"facts/{fact}.json" for fact in ("environment", "host", "preflight")}
    assert {*facts, "host/docker_info.json"} <= listed, manifest
    page = (tmp_path / "bundles" / "index.html").read_text()
    assert 'href="./one.tar.gz"' in page and "away" in page and "could not be reached" in page
    assert re.search(r"one +\d+ kB, \d+ files, \d+ parts missing: one.tar.gz", run.stdout)
    assert DOCKER_HOST and not list(Path("/tmp").glob("gpt_oss_support.*/one.tar.gz"))
