"""hf_model against a look-alike of the Hub on loopback, with the real huggingface_hub, and from a folder."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.modules import hf_model
from conftest import ROOT

REPO = "openai/gpt-oss-20b"
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"


@dataclass
class Hub:
    """What the look-alike holds, how it behaves, and what it was asked."""

    files: dict[str, bytes]
    status: int = 200
    token: str | None = None
    asked: list[str] = field(default_factory=list)
    endpoint: str = ""

    @property
    def downloads(self) -> list[str]:
        return [line.rpartition("/")[2] for line in self.asked if line.startswith("GET") and "/resolve/" in line]


def handler_of(hub: Hub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            if hub.status != 200 or (hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}"):
                self.reply(b"{}", status=hub.status if hub.status != 200 else 401)
            elif self.path.startswith(f"/api/models/{REPO}/revision/"):
                files = [{"rfilename": name} for name in hub.files]
                self.reply(json.dumps({"id": REPO, "sha": COMMIT, "siblings": files}).encode())
            elif self.path.startswith(f"/api/models/{REPO}/tree/"):
                tree = [
                    {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                    for name, data in hub.files.items()
                ]
                self.reply(json.dumps(tree).encode())
            else:
                data = hub.files.get(self.path.partition(f"/resolve/{COMMIT}/")[2])
                self.reply(data if data is not None else b"{}", status=200 if data is not None else 404)

        do_HEAD = do_GET

        def reply(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub({"config.json": b"{}", "model.safetensors": b"w" * 100_000, "original/model.bin": b"o" * 100_000})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(hub)) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield hub
        server.shutdown()


def hf_model_run(cache: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module in this process; returns its result, failed or not."""
    output = io.StringIO()
    arguments = {"repo_id": REPO, "cache_dir": str(cache), **options, "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        hf_model.main()
    return dict(json.loads(output.getvalue()))


def test_fetched_once_and_found_offline(hub: Hub, tmp_path: Path) -> None:
    foreseen = hf_model_run(tmp_path, check_mode=True, endpoint=hub.endpoint)
    assert hub.downloads == []
    first = hf_model_run(tmp_path, endpoint=hub.endpoint)
    assert not first.get("failed"), first["msg"]
    assert first["changed"] and foreseen["changed"]
    assert first["files"] == foreseen["files"] == ["config.json", "model.safetensors"]
    assert first["bytes"] == foreseen["bytes"] == 100_002
    assert (first["commit"], first["model"]["commit"]) == (COMMIT, COMMIT)
    assert sorted(hub.downloads) == ["config.json", "model.safetensors"]
    assert (Path(first["path"]) / "model.safetensors").read_bytes() == hub.files["model.safetensors"]

    assert not hf_model_run(tmp_path, endpoint=hub.endpoint)["changed"]
    assert len(hub.downloads) == 2
    hub.asked.clear()
    for options in ({"offline": True}, {"revision": COMMIT}):
        unchanged = hf_model_run(tmp_path, endpoint=hub.endpoint, **options)
        assert (unchanged["changed"], unchanged["path"]) == (False, first["path"])
    assert hub.asked == []
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


def test_a_lost_file_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    first = hf_model_run(tmp_path, endpoint=hub.endpoint)
    lost = Path(first["path"]) / "config.json"
    lost.resolve().unlink()
    lost.unlink()
    hub.asked.clear()
    again = hf_model_run(tmp_path, endpoint=hub.endpoint)
    assert (again["changed"], again["files"]) == (True, ["config.json"])
    assert hub.downloads == ["config.json"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, "set token_file"), (403, "set token_file"), (404, "correct repo_id")],
)
def test_a_refusal_names_the_remedy(hub: Hub, tmp_path: Path, status: int, expected: str) -> None:
    hub.status = status
    result = hf_model_run(tmp_path, endpoint=hub.endpoint)
    assert result["failed"]
    assert expected in result["msg"]
    assert hub.endpoint in result["msg"]


def test_the_token_comes_from_a_file_and_is_not_shown(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_secret"
    (tmp_path / "token").write_text("hf_secret\n")
    result = hf_model_run(tmp_path / "hub", endpoint=hub.endpoint, token_file=str(tmp_path / "token"))
    assert result["changed"]
    assert "hf_secret" not in json.dumps(result)
    missing = hf_model_run(tmp_path / "hub", endpoint=hub.endpoint, token_file=str(tmp_path / "none"))
    assert "expected a Hub token in the file" in missing["msg"]


def test_no_hub(tmp_path: Path, free_port: Any) -> None:
    result = hf_model_run(tmp_path, endpoint=f"http://127.0.0.1:{free_port()}")
    assert result["failed"]
    assert "check network" in result["msg"]


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
