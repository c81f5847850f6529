"""From the release before to this tree, on a host that serves and is half-way through its evals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from conftest import ROOT, simulated
from eval_harness import wait_for
from playbook_host import Host, counts, one_host, said

pytestmark = pytest.mark.slow

GALAXY = str(Path(sys.executable).parent / "ansible-galaxy")
DATA = ROOT / "inventories" / "demo" / "files"
SAMPLES = 30 * 8
EVALS = {
    "evaluate_data": {"aime25": [str(DATA / "aime25_demo-1.jsonl"), str(DATA / "aime25_demo-2.jsonl")]},
    "evaluate_tasks": ["aime25"],
    "evaluate_concurrency": 8,
    "evaluate_poll_interval": 1,
    "evaluate_fail_on": ["missing"],
}


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)


def previous() -> tuple[str, str]:
    """Return the last release as git knows it, and its version; skips where this clone does not hold it."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").stdout.decode().split()
    if tags:
        return tags[0], tags[0][1:]
    named = yaml.safe_load((ROOT / "tests" / "integration" / "previous_release.yml").read_text())
    if git("cat-file", "-e", f"{named['commit']}^{{commit}}").returncode != 0:
        pytest.skip(f"this clone has neither a tag v* nor {named['commit']}: git fetch --unshallow --tags brings them")
    return named["commit"], named["version"]


def install(source: Path, collections: Path) -> str:
    """Build the collection and install it, in place of what is there; returns its version."""
    built = collections.parent / "built"
    subprocess.run([GALAXY, "collection", "build", "--force", str(source), "--output-path", str(built)], check=True)
    tarball = max(built.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime_ns)
    command = [GALAXY, "collection", "install", "--force", "--offline", str(tarball), "-p", str(collections)]
    subprocess.run(command, check=True)
    manifest = json.loads((collections / "ansible_collections/gpt_oss/fleet/MANIFEST.json").read_text())
    return str(manifest["collection_info"]["version"])


@pytest.fixture
def collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collections path of this test alone, with the release before in it."""
    reference, version = previous()
    (tmp_path / "archive.tar").write_bytes(git("archive", "--format=tar", reference).stdout)
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archive.extractall(tmp_path / "source", filter="fully_trusted")
    folder = tmp_path / "collections"
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(folder))
    assert install(tmp_path / "source", folder) == version
    return folder


@pytest.fixture
def host(tmp_path: Path, prefix: str, free_port: Callable[[], int], simulator_image: str, environment: Path) -> Host:
    server = {
        "name": f"{prefix}-server", "image": simulator_image, "port": free_port(),
        "environment": simulated(latency_seconds=0.3),
    }  # fmt: skip
    host = one_host(tmp_path, environment, server)
    host.variables.update(EVALS, evaluate_report_path=str(tmp_path / "report"))
    return host


def played(host: Host, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook that is to succeed."""
    run = host.play(playbook, *options, **variables)
    assert run.returncode == 0, said(run)
    return run


def journals(host: Host, effort: str) -> list[Path]:
    return [path for path in (host.root / "state").rglob("*.jsonl") if effort in path.name]


def journal(host: Host, effort: str) -> Path:
    (path,) = journals(host, effort)
    return path


def samples(path: Path) -> list[tuple[int, int]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return [(row["question"], row["repeat"]) for row in rows if "event" not in row]


def left_half_way(host: Host) -> Path:
    """Begin an eval, and end controller and job hard after some samples, as a power cut would; returns its journal."""
    command = host.command("evaluate", evaluate_reasoning_efforts=["low", "medium"])
    controller = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: journals(host, "medium") and len(samples(journal(host, "medium"))) > 20, 120)
    finally:
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    half = journal(host, "medium")
    os.kill(json.loads(half.with_name("status.json").read_text())["pid"], signal.SIGKILL)
    assert len(samples(half)) < SAMPLES, "the eval ended before it was ended"
    return half


def life(host: Host, engine: docker.APIClient) -> tuple[str, str]:
    """Return what is another after a restart."""
    container = host.container(engine)
    return container["Id"], container["State"]["StartedAt"]


def test_a_host_goes_on_with_the_new_version(host: Host, collections: Path, engine: docker.APIClient) -> None:
    played(host, "deploy")
    served, described, image = life(host, engine), host.container(engine)["Config"], host.container(engine)["Image"]
    played(host, "evaluate", evaluate_reasoning_efforts=["low"])
    half = left_half_way(host)
    scored, asked = journal(host, "low").read_bytes(), half.read_bytes()

    new = install(ROOT, collections)
    assert new == yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]

    # The new version's servers have fewer privileges. Whoever keeps the old ones, keeps the servers.
    kept = [{**host.server, "drop_capabilities": [], "security_options": []}]
    deployed = played(host, "deploy", "--diff", vllm_servers=kept)
    print(f"deployed again with {new}: {counts(deployed)}")
    assert life(host, engine) == served, f"the server was replaced: {said(deployed)}"
    again = played(host, "deploy", "--diff", vllm_servers=kept)
    assert counts(again)["changed"] == 0, said(again)

    ended = played(host, "evaluate", evaluate_reasoning_efforts=["low", "medium"], vllm_servers=kept)
    assert journal(host, "low").read_bytes() == scored, "what was scored was asked again"
    assert half.read_bytes().startswith(asked[: asked.rindex(b"\n") + 1]), "samples of the old version were lost"
    assert len(samples(half)) == len(set(samples(half))) == SAMPLES
    report = json.loads((host.root / "report" / "report.json").read_text())
    (judged,) = report["hosts"]
    assert judged["host"] == "one" and judged["verdict"] != "missing", said(ended)
    scores = {each["reasoning_effort"]: each["score"] for each in report["scores"]}
    assert scores.keys() == {"low", "medium"} and None not in scores.values()

    replaced = played(host, "deploy", "--diff")
    assert "--cap-drop ALL" in said(replaced) and life(host, engine) != served
    fewer = host.container(engine)
    assert (fewer["Config"]["Cmd"], fewer["Image"]) == (described["Cmd"], image), "more than privileges was changed"
    again = played(host, "deploy", "--diff")
    assert counts(again)["changed"] == 0, said(again)

    changed = [{**host.server, "max_model_len": 4096}]
    played(host, "deploy", vllm_servers=changed)
    assert "--max-model-len" in host.container(engine)["Config"]["Cmd"]
    played(host, "deploy", vllm_servers=changed, vllm_rollback=True)
    back = host.container(engine)["Config"]
    assert (back["Cmd"], back["Image"]) == (described["Cmd"], described["Image"])
