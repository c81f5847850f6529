"""The playbook bundle on a machine with internet, and hosts that take all from what it made."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hub_harness import COMMIT, FILES, REPO, hub_with_model
from playbook_host import PLAYBOOK, counts, said, this_machine

pytestmark = pytest.mark.slow

QUESTIONS = {
    "gpqa.csv": b"Question\nMade up?\n",
    "aime-1.jsonl": b'{"question": "1"}\n',
    "aime-2.jsonl": b'{"question": "2"}\n',
}
VOCABULARY = b"made up"
MODEL_FILES = {name: data for name, data in FILES.items() if not name.startswith("original/")}

SLOW = pytest.mark.slow

# What the roles do with a bundle, without a server.
TAKE = """
- hosts: all
  gather_facts: false
  roles:
    - role: gpt_oss.fleet.hf_cache
  tasks:
    - name: Bring the data sets
      ansible.builtin.include_role:
        name: gpt_oss.fleet.evaluate
        tasks_from: data
    - name: Keep the fact
      ansible.builtin.copy:
        content: "{{ gpt_oss_models | default([]) | to_json }}"
        dest: "{{ models_file }}"
        mode: "0644"
      when: not ansible_check_mode
      changed_when: false
"""


@dataclass
class Internet:
    """A Hub and a server of files, that count what they are asked."""

    hub: Any
    files: str
    asked: list[str]

    def variables(self, path: Path, environment: Path) -> dict[str, Any]:
        return {
            "bundle_path": str(path),
            "bundle_environment_path": str(environment),
            "bundle_models": [{"repo_id": REPO, "endpoint": self.hub.endpoint}],
            "bundle_pythons": [f"{sys.version_info.major}.{sys.version_info.minor}"],
            "bundle_requirements": "idna==3.20\n",
            "bundle_requirements_optional": "no-such-package-anywhere==1.0\n",
            "bundle_vocabulary": [{"name": "words.tiktoken", "sha256": hashlib.sha256(VOCABULARY).hexdigest()}],
            "bundle_vocabulary_source": self.files,
            "bundle_data": {
                "gpqa": [f"{self.files}/gpqa.csv?raw=1"],
                "aime25": [f"{self.files}/aime-1.jsonl", f"{self.files}/aime-2.jsonl"],
            },
        }


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    root, asked = tmp_path_factory.mktemp("web"), list[str]()
    for name, data in {**QUESTIONS, "words.tiktoken": VOCABULARY}.items():
        (root / name).write_bytes(data)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            asked.append(format % args)

    with (
        hub_with_model() as hub,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root))) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Internet(hub, f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()


def make(variables: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    command = [*PLAYBOOK, "gpt_oss.fleet.bundle", "-i", "localhost,", "-e", json.dumps(variables), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)


@pytest.fixture(scope="module")
def bundle(internet: Internet, environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as the playbook made it: bundle/ and bundle.tar, beside the folder of downloads."""
    root = tmp_path_factory.mktemp("carried")
    run = make({**internet.variables(root / "bundle", environment), "bundle_archive": str(root / "bundle.tar")})
    assert run.returncode == 0, said(run)
    assert counts(run, "localhost")["changed"] > 0
    return root / "bundle"


def test_made_checked_and_left_alone(bundle: Path, internet: Internet, environment: Path) -> None:
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert len(checked.stdout.splitlines()) == len(files) - 1
    place = f"models/openai--gpt-oss-20b/snapshots/{COMMIT}"
    for name, data in MODEL_FILES.items():
        assert (bundle / place / name).read_bytes() == data
    document = json.loads((bundle / "bundle.json").read_text())
    assert document["models"] == [
        {
            "repo_id": REPO,
            "revision": "main",
            "commit": COMMIT,
            "path": place,
            "bytes": sum(map(len, MODEL_FILES.values())),
        }
    ]
    assert document["data"] == {"gpqa": ["data/gpqa.csv"], "aime25": ["data/aime-1.jsonl", "data/aime-2.jsonl"]}
    assert [name for name in files if name.startswith("wheels/")] == ["wheels/idna-3.20-py3-none-any.whl"]
    assert document["wheels"]["missing_optional"][0].startswith("no-such-package-anywhere==1.0 for CPython")
    listing = subprocess.run(
        ["tar", "-tf", f"{bundle}.tar"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert (listing[0], set(listing)) == ("SHA256SUMS", files)

    internet.asked.clear()
    variables = {**internet.variables(bundle, environment), "bundle_archive": f"{bundle}.tar"}
    for options in ([], ["--check", "--diff"]):
        again = make(variables, *options)
        assert (again.returncode, counts(again, "localhost")["changed"]) == (0, 0), said(again)
    assert internet.asked == []


def test_check_mode_brings_nothing(internet: Internet, environment: Path, tmp_path: Path) -> None:
    run = make(internet.variables(tmp_path / "bundle", environment), "--check")
    assert run.returncode == 0, said(run)
    assert f"would_create: - {tmp_path}/bundle" in said(run)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_the_expected_one_is_refused(internet: Internet, environment: Path, tmp_path: Path) -> None:
    variables = {**internet.variables(tmp_path / "bundle", environment), "bundle_data_sha256": {"gpqa.csv": "0" * 64}}
    run = make(variables)
    assert run.returncode != 0
    assert "gpqa.csv?raw=1 could not be fetched for the bundle" in said(run)
    assert "correct its sha256 in bundle_data_sha256" in said(run)
    assert not (tmp_path / "bundle").exists()


def test_what_is_no_longer_wanted_goes(bundle: Path, internet: Internet, environment: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    shutil.copytree(f"{bundle}.cache", f"{copy}.cache")
    variables = internet.variables(copy, environment)
    variables["bundle_data"] = {"gpqa": variables["bundle_data"]["gpqa"]}
    (copy / "data/gpqa.csv").write_bytes(b"Question\nSpoilt!?\n")
    run = make(variables)
    assert run.returncode == 0, said(run)
    assert [path.name for path in (copy / "data").iterdir()] == ["gpqa.csv"]
    assert (copy / "data/gpqa.csv").read_bytes() == QUESTIONS["gpqa.csv"]
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=copy, check=True)


@dataclass
class Taker:
    """A host, this machine, that reaches nothing and has its state in a folder of the test."""

    root: Path
    environment: Path

    def take(self, bundle: Path, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
        (self.root / "take.yml").write_text(TAKE)
        nowhere = "http://127.0.0.1:9"
        variables = {
            **this_machine(self.root / "state", self.environment),
            "hf_cache_models": [{"repo_id": REPO, "endpoint": nowhere}],
            "evaluate_data": {
                "gpqa": [f"{nowhere}/gpqa.csv?raw=1"],
                "aime25": [f"{nowhere}/aime-1.jsonl", f"{nowhere}/aime-2.jsonl"],
            },
            "gpt_oss_bundle": str(bundle),
            "models_file": str(self.root / "models.json"),
            **more,
        }
        command = [*PLAYBOOK, str(self.root / "take.yml"), "-i", "one,", "-e", json.dumps(variables), *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)

    @property
    def snapshot(self) -> Path:
        return self.root / "state/huggingface/hub/models--openai--gpt-oss-20b/snapshots" / COMMIT


@pytest.fixture
def taker(tmp_path: Path, environment: Path) -> Taker:
    return Taker(tmp_path, environment)


@pytest.mark.parametrize(
    ("form", "remote"),
    [
        ("folder", False),
        ("tar", False),
        pytest.param("folder", True, marks=SLOW),
        pytest.param("tar", True, marks=SLOW),
    ],
)
def test_taken_and_then_left_alone(bundle: Path, taker: Taker, form: str, remote: bool) -> None:
    place = Path(f"{bundle}.tar") if form == "tar" else bundle
    planned = taker.take(place, "--check", gpt_oss_bundle_remote=remote)
    assert planned.returncode == 0, said(planned)
    assert not (taker.root / "state").exists()
    run = taker.take(place, gpt_oss_bundle_remote=remote)
    assert run.returncode == 0, said(run)
    assert {path.name: path.read_bytes() for path in taker.snapshot.iterdir()} == MODEL_FILES
    for name, data in QUESTIONS.items():
        assert (taker.root / "state/evaluate/data" / name).read_bytes() == data
    (model,) = json.loads((taker.root / "models.json").read_text())
    assert (model["repo_id"], model["commit"], model["path"]) == (REPO, COMMIT, str(taker.snapshot))
    assert not (taker.root / "state/huggingface/.staging").exists()

    again = taker.take(place, gpt_oss_bundle_remote=remote)
    assert (again.returncode, counts(again)["changed"]) == (0, 0), said(again)
    assert [model] == json.loads((taker.root / "models.json").read_text())


@pytest.mark.parametrize("remote", [False, pytest.param(True, marks=SLOW)])
@pytest.mark.parametrize(
    ("name", "how", "expected"),
    [
        (
            f"models/openai--gpt-oss-20b/snapshots/{COMMIT}/model.safetensors",
            "damaged",
            "model.safetensors damaged; copy it",
        ),
        (f"models/openai--gpt-oss-20b/snapshots/{COMMIT}/config.json", "missing", "config.json in"),
        ("data/aime-2.jsonl", "damaged", "data/aime-2.jsonl damaged; copy it"),
        ("bundle.json", "damaged", "found it damaged"),
        ("SHA256SUMS", "damaged", "SHA256SUMS, line 1: wanted a sha256"),
    ],
)
def test_a_damaged_or_missing_file_is_refused_and_named(
    bundle: Path, taker: Taker, name: str, how: str, expected: str, remote: bool
) -> None:
    copy = taker.root / "copy"
    shutil.copytree(bundle, copy)
    content = (copy / name).read_bytes()
    (copy / name).unlink()
    if how == "damaged":
        (copy / name).write_bytes(b"?" + content[1:])
    run = taker.take(copy, gpt_oss_bundle_remote=remote)
    assert run.returncode != 0
    assert expected in said(run)
    if name.startswith("models"):
        assert not taker.snapshot.exists()
    if name.startswith("models") and how == "damaged":
        (copy / name).write_bytes(content)
        mended = taker.take(copy, gpt_oss_bundle_remote=remote)
        assert mended.returncode == 0, said(mended)


def test_a_model_that_the_bundle_lacks_is_named(bundle: Path, taker: Taker) -> None:
    run = taker.take(bundle, hf_cache_models=[{"repo_id": "openai/gpt-oss-120b"}])
    assert run.returncode != 0
    assert f"wanted the model openai/gpt-oss-120b in the bundle {bundle}, found {REPO} at main" in said(run)


def test_the_environment_is_made_of_the_wheels(bundle: Path, taker: Taker) -> None:
    wishes: dict[str, Any] = {
        "hf_cache_environment_path": str(taker.root / "venv"),
        "hf_cache_requirements": "idna==3.20\n",
        "hf_cache_requirements_optional": "",
        "hf_cache_models": [],
        "evaluate_tasks": [],
    }
    run = taker.take(bundle, **wishes, models_file=str(taker.root / "models.json"))
    assert run.returncode == 0, said(run)
    subprocess.run([taker.root / "venv/bin/python", "-c", "import idna"], check=True)
    assert not (taker.root / "venv/wheels").exists()
    again = taker.take(bundle, **wishes)
    assert (again.returncode, counts(again)["changed"]) == (0, 0), said(again)


def test_wheels_of_the_controllers_without_a_bundle(bundle: Path, taker: Taker) -> None:
    wishes: dict[str, Any] = {
        "gpt_oss_bundle": "",
        "hf_cache_environment_path": str(taker.root / "venv"),
        "hf_cache_requirements": "idna==3.20\n",
        "hf_cache_requirements_optional": "",
        "hf_cache_wheels": str(bundle / "wheels"),
        "hf_cache_wheels_remote": False,
        "hf_cache_models": [],
        "evaluate_tasks": [],
    }
    planned = taker.take(bundle, "--check", **wishes)
    assert planned.returncode == 0, said(planned)
    assert not (taker.root / "venv").exists()
    run = taker.take(bundle, **wishes)
    assert run.returncode == 0, said(run)
    subprocess.run([taker.root / "venv/bin/python", "-c", "import idna"], check=True)


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_a_model_of_the_controllers_without_a_bundle(bundle: Path, taker: Taker, form: str) -> None:
    folder = taker.root / "gpt-oss-20b"
    shutil.copytree(bundle / f"models/openai--gpt-oss-20b/snapshots/{COMMIT}", folder)
    (folder / "original").mkdir()
    (folder / "original/model.bin").write_text("left out")
    subprocess.run(["tar", "-cf", f"{folder}.tar", "-C", taker.root, folder.name], check=True)
    source = f"{folder}.tar" if form == "tar" else str(folder)
    models = [{"repo_id": REPO, "source": source, "remote_src": False, "revision": COMMIT}]
    wishes: dict[str, Any] = {"hf_cache_models": models, "gpt_oss_bundle": "", "evaluate_tasks": []}
    run = taker.take(bundle, **wishes)
    assert run.returncode == 0, said(run)
    assert {path.name: path.read_bytes() for path in taker.snapshot.iterdir()} == MODEL_FILES
    again = taker.take(bundle, **wishes)
    assert (again.returncode, counts(again)["changed"]) == (0, 0), said(again)
