"""The same bytes' worth on the wire: requests, read replies and scores of the reference's command and of our job."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import pytest
import wire
from ansible_collections.gpt_oss.fleet.plugins.module_utils._samplers import SAMPLERS, ReplyError
from gpt_oss.evals.chat_completions_sampler import ChatCompletionsSampler
from gpt_oss.evals.responses_sampler import ResponsesSampler
from replies import ENDINGS, prose

THEIRS = {"responses": ResponsesSampler, "chat_completions": ChatCompletionsSampler}
PATHS = {"responses": "/v1/responses", "chat_completions": "/v1/chat/completions"}


# Question, right choice, wrong ones: missing words, numbers that are written otherwise, doubles, braces, line ends.
TRAPS = [
    ("None?", "None", "same", "07", "1e3"),
    ("{braces} {0} {A}", "NA", "same", "7", "1.50"),
    ('said ""so""', "", "other", "12", ".5"),
    ("two\nlines", "null", "same", "+5", "nan"),
    ("two\r\nlines", "same", "same", "-0", "2."),
    ("NA", "nan", "NA", "0", "1e400"),
    ("  padded  ", "N/A", "N/A", "1000", "-1E-3"),
    ("1,000", "(B) 5", "(B) 5", "9007199254740993", "1e22"),
    ("α → β 😀 \u2028", "\\frac{1}{2}", "x", " 12", "0.1234567890123456789"),
    ("True", "True", "False", "3", "inf"),
    ("\ttab", "100 %", "", "4", ""),
    ("#N/A", "#N/A", "<NA>", "5", "NaN"),
]


def trap_data(folder: Path) -> dict[str, list[str]]:
    rng = random.Random("wire")
    lines = [",".join(datasets.COLUMNS), *(",".join(f'"{cell}"' for cell in row) for row in TRAPS)]
    contents = {
        "gpqa": ["\n".join(lines).encode()],
        "aime25": [datasets.aime_file(rng, 3), datasets.aime_file(rng, 3)],
    }
    data: dict[str, list[str]] = {}
    for task, files in contents.items():
        paths = [folder / f"{task}-{number}" for number in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        data[task] = [str(path) for path in paths]
    return data


def responses(output: list[Any], status: str = "completed", **rest: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 9, "output_tokens": 17, "total_tokens": 26,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": wire.MODEL, "status": status, "output": output,
        "incomplete_details": None, "error": None, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": usage, **rest,
    }  # fmt: skip


def message(*texts: str, kind: str = "output_text") -> dict[str, Any]:
    key = "refusal" if kind == "refusal" else "text"
    content = [{"type": kind, key: text, "annotations": [], "logprobs": None} for text in texts]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


THOUGHT = {
    "type": "reasoning", "id": "rs_1", "summary": [],
    "content": [{"type": "reasoning_text", "text": "I think (A)."}],
}  # fmt: skip


def chat(content: str | None, finish: str = "stop", **rest: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": wire.MODEL,
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **rest}}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 17, "total_tokens": 26},
    }  # fmt: skip


def answer(path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    """A reply that depends on nothing but the request, in all kinds of formats."""
    rng = random.Random(json.dumps(body, sort_keys=True))
    text = prose(rng, 20) + rng.choice(ENDINGS).format(rng.choice(["A", "B", "C", "D", "70", "588", "5"]))
    if path == PATHS["responses"]:
        cut = rng.randrange(len(text) + 1)
        parts = rng.choice(
            ([message(text)], [message(text[:cut], text[cut:])], [message(text[:cut]), message(text[cut:])])
        )
        return 200, responses([THOUGHT, *parts])
    return 200, chat(text, reasoning="I think (A).")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_requests_and_the_same_scores(tmp_path: Path, sampler: str) -> None:
    """All of `python -m gpt_oss.evals`: both tasks, three efforts, eight repeats, whatever order the requests take."""
    data = trap_data(tmp_path)
    with wire.recorder(answer) as asked:
        wanted = wire.run_reference(asked.url, sampler, data, tmp_path)
        theirs = asked.requests.copy()
        asked.requests.clear()
        rows = wire.run_ours(asked.url, sampler, data, tmp_path)
        ours = asked.requests
    assert ours == theirs
    assert ours.total() == (12 + 6) * 8 * 3
    assert {path for path, _body in ours} == {PATHS[sampler]}
    assert {(row["task"], row["reasoning_effort"]): row["score"] for row in rows} == wanted
    assert len(set(wanted.values())) > 2


COMMON: list[tuple[str, dict[str, Any]]] = [
    ("responses", responses([message("one")])),
    ("responses", responses([THOUGHT, message("one", "two"), THOUGHT, message("three")])),
    ("responses", responses([message("  spaces\n kept \r\n"), message("")])),
    ("responses", responses([message("é 😀 \u2028 \x00 \ud7ff")])),
    ("responses", responses([message("cut sh")], "incomplete", incomplete_details={"reason": "max_output_tokens"})),
    ("responses", responses([message("x")], "incomplete", incomplete_details={"reason": "content_filter"})),
    ("responses", responses([THOUGHT])),
    ("responses", responses([])),
    ("responses", responses([], "incomplete", incomplete_details={"reason": "max_output_tokens"})),
    ("responses", responses([message("no", kind="refusal")])),
    ("responses", responses([message("no", kind="refusal"), message("yes")])),
    ("responses", {**responses([message("x")]), "usage": None}),
    ("responses", {**responses([message("x")]), "something_new": {"a": [1]}}),
    ("chat_completions", chat("one")),
    ("chat_completions", chat("  spaces\n kept \r\n")),
    ("chat_completions", chat("é 😀 \u2028 \x00")),
    ("chat_completions", chat("cut sh", "length")),
    ("chat_completions", chat("one", reasoning="I think (A).", reasoning_content="(B)", tool_calls=[])),
    ("chat_completions", chat(" ")),
    ("chat_completions", {**chat("x"), "usage": None}),
    ("chat_completions", {**chat("x"), "choices": [*chat("first")["choices"], *chat("second")["choices"]]}),
]


def ask_theirs(url: str, sampler: str) -> Any:
    kind = THEIRS[sampler]
    with mock.patch.dict("os.environ", {"OPENAI_API_KEY": "none"}):
        asker = kind(
            model=wire.MODEL, reasoning_model=True, reasoning_effort="low", temperature=1.0, max_tokens=131072,
            base_url=url,
        )  # fmt: skip
    return asker([{"role": "user", "content": "question"}])


@pytest.mark.parametrize(("sampler", "document"), COMMON)
def test_the_same_text_is_read_from_a_reply(sampler: str, document: dict[str, Any]) -> None:
    with wire.recorder(lambda _path, _body: (200, document)) as asked:
        theirs = ask_theirs(asked.url, sampler)
    ours = SAMPLERS[sampler](wire.MODEL, "low", 1.0, 131072).parse(json.dumps(document).encode())
    assert ours.text == theirs.response_text
    assert (ours.completion_tokens == 17) == bool(document["usage"])


class _WouldWait(BaseException):
    """The reference goes to sleep, to ask again."""


def sleeps(_seconds: float) -> None:
    raise _WouldWait


@pytest.mark.parametrize(
    ("sampler", "document"),
    [
        ("chat_completions", chat(None, "length", reasoning="I think (A).")),
        ("chat_completions", chat("", reasoning="I think (A).")),
    ],
)
def test_empty_content_is_asked_again_for_ever_by_the_reference_only(sampler: str, document: dict[str, Any]) -> None:
    """And with another prompt: the reasoning was added to the messages. Here it is a reply without text."""
    asleep = 0

    def sleeps_once(_seconds: float) -> None:
        nonlocal asleep
        asleep += 1
        if asleep == 2:
            raise _WouldWait

    with wire.recorder(lambda _path, _body: (200, document)) as asked, mock.patch("time.sleep", sleeps_once):
        with pytest.raises(_WouldWait):
            ask_theirs(asked.url, sampler)
        messages = [json.loads(body)["messages"] for _path, body in asked.requests]
    assert [len(each) for each in messages] == [1, 2]
    assert messages[1][1] == {"role": "assistant", "content": "I think (A)."}
    assert SAMPLERS[sampler](wire.MODEL, "low", 1.0, 131072).parse(json.dumps(document).encode()).text == ""


@pytest.mark.parametrize(
    ("sampler", "document"),
    [
        ("responses", responses([], "failed", error={"code": "server_error", "message": "boom"})),
        ("chat_completions", {"object": "error", "message": "boom", "code": 500}),
        ("chat_completions", {"error": {"message": "boom", "code": 500}}),
    ],
)
def test_a_failure_told_as_a_reply_is_no_answer_here(sampler: str, document: dict[str, Any]) -> None:
    """The reference grades it as an empty reply (responses), or never ends (chat)."""
    with wire.recorder(lambda _path, _body: (200, document)) as asked, mock.patch("time.sleep", sleeps):
        if sampler == "responses":
            assert ask_theirs(asked.url, sampler).response_text == ""
        else:
            with pytest.raises(_WouldWait):
                ask_theirs(asked.url, sampler)
    with pytest.raises(ReplyError, match="boom"):
        SAMPLERS[sampler](wire.MODEL, "low", 1.0, 131072).parse(json.dumps(document).encode())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_refusal_is_wrong_there_and_not_measured_here(tmp_path: Path, sampler: str) -> None:
    """One question in three is refused: the reference's score counts it as wrong, ours leaves it out and says so."""
    data = {"gpqa": trap_data(tmp_path)["gpqa"]}

    def refuses(path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        if zlib.crc32(json.dumps(body, sort_keys=True).encode()) % 3 == 0:
            return 400, {"error": {"message": "too long", "type": "BadRequestError", "code": 400}}
        return answer(path, body)

    with wire.recorder(refuses) as asked:
        theirs = wire.run_reference(asked.url, sampler, data, tmp_path)
        rows = wire.run_ours(asked.url, sampler, data, tmp_path)
    for row in rows:
        assert row["n_refused"] > 0
        assert row["n_measured"] + row["n_refused"] == row["n_samples"] == 96
        assert row["verdict"] == "void"
        assert row["n_correct"] / row["n_samples"] == theirs["gpqa", row["reasoning_effort"]]
        assert row["score"] == row["n_correct"] / row["n_measured"]
