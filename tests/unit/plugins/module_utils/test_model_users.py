from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._model_users import (
    Use,
    UsersUnknown,
    of_container,
    of_descriptions,
    use_of,
    users,
)

SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
A, B, C = "a" * 40, "b" * 40, "c" * 40
REVISION = "gpt_oss.fleet.revision"
SNAPSHOT = f"/root/.cache/huggingface/hub/models--openai--gpt-oss-20b/snapshots/{A}"


@pytest.mark.parametrize(
    ("words", "labels", "repo_id", "revisions"),
    [
        (["vllm", "serve", SMALL, "--port", "8000"], {}, SMALL, ()),
        (["vllm", "serve", "--model", SMALL], {}, SMALL, ()),
        (["python3", "-m", "vllm.entrypoints.openai.api_server", f"--model={SMALL}"], {}, SMALL, ()),
        (["vllm", "serve", SMALL, "--revision", "release"], {}, SMALL, ("release",)),
        (["vllm", "serve", SMALL, f"--revision={A}"], {REVISION: A}, SMALL, (A, A)),
        (["vllm", "serve", SMALL], {REVISION: A}, SMALL, (A, "main")),
        # The revision of the label is the model's, which is not known.
        (["vllm", "serve", "--config", "/etc/vllm.yaml"], {REVISION: A}, "", ()),
        (["sh", "-c", f"vllm serve {SMALL}"], {}, "", ()),
        (["./bin/run", "some/thing"], {}, "", ()),
        (["vllm", "serve", "/models/mine"], {}, "", ()),
        (["vllm", "serve", SNAPSHOT, "--served-model-name", SMALL], {}, SMALL, (A,)),
        (["vllm", "serve", "--model", SNAPSHOT.partition("/snapshots")[0]], {}, SMALL, ()),
        ([], {}, "", ()),
    ],
)
def test_what_a_command_line_needs(
    words: list[str], labels: dict[str, str], repo_id: str, revisions: tuple[str, ...]
) -> None:
    use = use_of("server", words, labels)
    assert (use.who, use.repo_id, use.revisions) == ("server", repo_id, revisions)


@pytest.mark.parametrize(
    ("use", "needed"),
    [
        (Use("x"), {(SMALL, A), (SMALL, B), (LARGE, C)}),
        (Use("x", SMALL), {(SMALL, A), (SMALL, B)}),
        (Use("x", SMALL, ("main",)), {(SMALL, A)}),
        (Use("x", SMALL, (B,)), {(SMALL, B)}),
        (Use("x", SMALL, (B, "main")), {(SMALL, A), (SMALL, B)}),
        (Use("x", SMALL, (C,)), set()),
        (Use("x", SMALL, ("gone",)), {(SMALL, A), (SMALL, B)}),
        (Use("x", "other/model"), set()),
        (Use("x", SMALL, (A,), frozenset({LARGE, SMALL})), {(SMALL, A), (LARGE, C)}),
    ],
)
def test_what_is_needed_of_a_cache(use: Use, needed: set[tuple[str, str]]) -> None:
    refs = {SMALL: {"main": A}, LARGE: {"main": C}}
    there = ((SMALL, A), (SMALL, B), (LARGE, C))
    assert {(repo_id, commit) for repo_id, commit in there if use.covers(repo_id, commit, refs[repo_id])} == needed


def container(words: list[str], source: str, **config: Any) -> dict[str, Any]:
    return {"Name": "/server", "Config": {"Entrypoint": ["vllm", "serve"], "Cmd": words, **config}} | {
        "Mounts": [{"Type": "tmpfs", "Source": ""}, {"Type": "bind", "Source": source}]
    }


@pytest.mark.parametrize(
    ("found", "use"),
    [
        (container([SMALL], "/data/huggingface"), Use("server", SMALL, (), frozenset({SMALL}))),
        (container([SMALL], "/data/huggingface/hub"), Use("server", SMALL, (), frozenset({SMALL}))),
        (container([SMALL], "/data/huggingface/other"), None),
        (container([SMALL], "/elsewhere"), None),
        (container([], "/data/huggingface/hub"), Use("server")),
        # From far above, only what names a model counts, or what this collection made.
        (container(["--port", "1"], "/"), None),
        (container([SMALL], "/"), Use("server", SMALL, (), frozenset({SMALL}))),
        (container(["--port", "1"], "/data", Labels={REVISION: A}), Use("server")),
        (
            container(["/model"], f"/data/huggingface/hub/models--openai--gpt-oss-120b/snapshots/{C}"),
            Use("server", LARGE, (C,)),
        ),
        # A model that drafts, in the arguments or the environment.
        (
            container([SMALL, "--speculative-config", f'{{"model": "{LARGE}"}}'], "/data/huggingface"),
            Use("server", SMALL, (), frozenset({SMALL, LARGE})),
        ),
        (
            container([SMALL], "/data/huggingface", Env=[f"DRAFT={LARGE}"]),
            Use("server", SMALL, (), frozenset({SMALL, LARGE})),
        ),
    ],
)
def test_what_a_container_needs(found: dict[str, Any], use: Use | None) -> None:
    needed = of_container(found, "/data/huggingface/hub")
    if use is None or needed is None:
        assert needed is use
        return
    assert (needed.repo_id, needed.revisions) == (use.repo_id, use.revisions)
    assert use.also <= needed.also


def test_descriptions_that_can_be_gone_back_to(tmp_path: Path) -> None:
    def entry(accepted: str, revision: str) -> dict[str, Any]:
        return {"accepted": accepted, "parameters": {"model": SMALL, "arguments": ["--revision", revision]}}

    assert of_descriptions(str(tmp_path / "none")) == []
    for name, entries in (("one", [entry("d1", A), entry("d2", B), entry("d3", C)]), ("two", [])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "accepted.json").write_text(json.dumps(entries))
    (tmp_path / "three").mkdir()
    found = users("", str(tmp_path), "/data/hub")
    assert [(use.who, use.revisions) for use in found] == [("one (accepted d1)", (A,)), ("one (accepted d2)", (B,))]
    (tmp_path / "two/accepted.json").write_text("[")
    with pytest.raises(UsersUnknown, match="two can go back to"):
        of_descriptions(str(tmp_path))


@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "ssh://host"])
def test_an_engine_that_does_not_answer(address: str) -> None:
    with pytest.raises(UsersUnknown, match="Docker Engine"):
        users(address, "/nowhere", "/data/hub")
