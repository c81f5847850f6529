"""hf_model against a look-alike of the Hub on loopback, with the real huggingface_hub, and from a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from hub_harness import COMMIT, FILES, REPO, Hub, hf_model_run


def test_fetched_once_and_found_offline(hub: Hub, tmp_path: Path) -> None:
    foreseen = hf_model_run(tmp_path, check_mode=True, endpoint=hub.endpoint)
    assert hub.books.downloads() == []
    first = hf_model_run(tmp_path, endpoint=hub.endpoint)
    assert not first.get("failed"), first["msg"]
    assert first["changed"] and foreseen["changed"]
    assert first["files"] == foreseen["files"] == ["config.json", "model.safetensors"]
    assert first["bytes"] == foreseen["bytes"] == 100_002
    assert (first["commit"], first["model"]["commit"]) == (COMMIT, COMMIT)
    assert sorted(hub.books.downloads()) == ["config.json", "model.safetensors"]
    assert (Path(first["path"]) / "model.safetensors").read_bytes() == FILES["model.safetensors"]

    assert not hf_model_run(tmp_path, endpoint=hub.endpoint)["changed"]
    assert len(hub.books.downloads()) == 2
    hub.books.clear()
    for options in ({"offline": True}, {"revision": COMMIT}):
        unchanged = hf_model_run(tmp_path, endpoint=hub.endpoint, **options)
        assert (unchanged["changed"], unchanged["path"]) == (False, first["path"])
    assert hub.books.requests() == []
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import huggingface_hub as h; print(h.snapshot_download('{REPO}', cache_dir={str(tmp_path)!r}))",
        ],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == first["path"], found.stderr


def test_as_ansible_runs_it_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    arguments = f"repo_id={REPO} source={tmp_path}/model cache_dir={tmp_path}/hub"

    def run(*options: str, state: str = "present") -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible"), "localhost", "-i", "localhost,", "-c", "local"]
            + ["-e", f"ansible_python_interpreter={sys.executable}"]
            + ["-m", "gpt_oss.fleet.hf_model", "-a", f"{arguments} state={state}", *options],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    foreseen = run("--check", "--diff")
    assert "changed: true" in foreseen
    assert "+  config.json" in foreseen
    assert not (tmp_path / "hub").exists()
    assert "changed: true" in run()
    assert "changed: false" in run()
    assert "changed: true" in run(state="absent")
    assert "changed: false" in run(state="absent")
    assert not list((tmp_path / "hub").glob("models--*"))
