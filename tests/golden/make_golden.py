"""Write the golden results: made-up replies and data files, and what the reference harness makes of them.

Run by the interpreter that has the reference harness (`make differential` prepares it and checks that the committed
files are what this script writes):

    .venv-reference/bin/python tests/golden/make_golden.py

Unit tests compare our code with the results on every Python, without the reference. Nothing in here is a real question.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "differential"))

import datasets  # noqa: E402
import reference  # noqa: E402
import replies  # noqa: E402

N_REPLIES = {replies.soup: 900, replies.ending: 250, replies.realistic: 450}
N_EVALS = 24


def golden_replies() -> Iterator[dict[str, Any]]:
    """A reply a line: its text, the letter that GPQA's grader reads from it, the integer that AIME's does."""
    for make, count in N_REPLIES.items():
        rng = random.Random(f"golden {make.__name__}")
        texts: dict[str, None] = {}
        while len(texts) < count:
            text = make(rng)
            if len(text) <= 500:
                texts[text] = None
        for text in texts:
            integer = reference.integer(text)
            yield {"text": text, "letter": reference.letter(text), "integer": None if integer is None else str(integer)}


def golden_evals() -> Iterator[dict[str, Any]]:
    """An eval a line: its data files, and each sample's prompt, target, permutation, reply, extracted answer, score."""
    for number in range(2 * N_EVALS):
        rng = random.Random(f"golden eval {number}")
        task = ("gpqa", "aime25")[number % 2]
        # The first of each task is a whole run in small: so many questions, 8 repeats.
        size = {0: 20, 1: 10}.get(number)
        make = datasets.gpqa if task == "gpqa" else datasets.aime_file
        contents = [make(rng, size) for _unused in range(1 if task == "gpqa" else 2)]
        files = [content.decode().replace("x" * 3000, "xyz") for content in contents]
        examples = None if size else rng.choice((None, None, 1))
        n_repeats = 8 if size else 1 if examples else rng.choice((1, 2))
        yield golden_eval(rng, task, files, n_repeats, examples)


def golden_eval(
    rng: random.Random, task: str, files: list[str], n_repeats: int, examples: int | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"data-{number}") for number in range(len(files))]
        for path, text in zip(paths, files, strict=True):
            path.write_bytes(text.encode())
        evaluation = reference.build(task, [str(path) for path in paths], n_repeats, examples)
    _unused, rows = reference.run(evaluation, [""] * len(evaluation.examples))
    texts = [rng.choice(replies.ENDINGS).format(rng.choice([row["target"], row["target"], "C", "7"])) for row in rows]
    result, rows = reference.run(evaluation, texts)
    samples = [
        {**row, "permutation": example["permutation"], "reply": text}
        for row, example, text in zip(rows, evaluation.examples, texts, strict=True)
    ]
    return {
        "task": task,
        "files": files,
        "n_repeats": n_repeats,
        "examples": examples,
        "score": result.score,
        "samples": samples,
    }


FILES = {"replies.jsonl": golden_replies, "evals.jsonl": golden_evals}


def content(name: str) -> str:
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in FILES[name]())


if __name__ == "__main__":
    for file_name in FILES:
        (FOLDER / file_name).write_text(content(file_name), encoding="ascii")
