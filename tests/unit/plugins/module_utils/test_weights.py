from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import LABEL_REVISION
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import repo_folder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_stamp import (
    SHA256,
    Held,
    Listed,
    Stamp,
    write_stamp,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._weights import weights_of

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
MODEL = "openai/gpt-oss-20b"
STAMP = Stamp(
    MODEL, COMMIT, "hub", {"a": Listed(1, SHA256, "a" * 64)}, {"a": Held(1, 1, "a" * 64, "a" * 64)}
)  # fmt: skip


def container(source: Path, command: list[str], **labels: str) -> dict[str, Any]:
    return {
        "Config": {"Cmd": command, "Entrypoint": ["vllm", "serve"], "Labels": labels, "Env": []},
        "Mounts": [{"Source": "/elsewhere"}, {"Source": str(source)}],
    }


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder above a cache with a model that was verified, and is main."""
    folder = repo_folder(str(tmp_path / "hub"), MODEL)
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / ".gpt_oss").mkdir()
    write_stamp(folder, STAMP)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "labels"),
    [
        (["--model", MODEL], {LABEL_REVISION: COMMIT}),
        (["--model", MODEL], {}),
        ([MODEL, "--port", "8000"], {}),
        (["--model", MODEL, "--revision", COMMIT], {}),
        ([f"/root/.cache/huggingface/hub/models--openai--gpt-oss-20b/snapshots/{COMMIT}"], {}),
    ],
)
def test_a_server_of_verified_weights_tells_them(cache: Path, command: list[str], labels: dict[str, str]) -> None:
    for source in (cache, cache / "hub"):
        found = weights_of(container(source, command, **labels))
        assert found is not None
        assert (found["commit"], len(found["sha256"])) == (COMMIT, 64)


@pytest.mark.parametrize(
    "command",
    [["--model", "openai/gpt-oss-120b"], ["--model", MODEL, "--revision", "f" * 40], ["--model", "/data"], []],
)
def test_what_no_stamp_tells_is_not_known(cache: Path, command: list[str]) -> None:
    assert weights_of(container(cache, command)) is None


def test_other_contents_under_the_same_name_are_other_weights(cache: Path) -> None:
    before = weights_of(container(cache, ["--model", MODEL]))
    other = replace(STAMP, files={"a": Held(1, 9, "b" * 64, "b" * 64)})
    write_stamp(repo_folder(str(cache / "hub"), MODEL), other)
    after = weights_of(container(cache, ["--model", MODEL]))
    assert before is not None
    assert after is not None
    assert before["sha256"] != after["sha256"]
    write_stamp(repo_folder(str(cache / "hub"), MODEL), replace(STAMP, files={"a": Held(2, 7, "a" * 64, "a" * 64)}))
    assert weights_of(container(cache, ["--model", MODEL])) == before  # times do not matter
