"""Data sets with columns and cells that are missing, doubled, of another type, or not text at all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _allresults
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dataset import DatasetError, data_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample, build_samples, grade
from fuzzing import TEXTS, check_message, damaged, damaged_json, damaged_lines, fuzz, mangled
from hypothesis import example
from hypothesis import strategies as st

GPQA = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
MMLU = ("Question", "A", "B", "C", "D", "Answer")
TABLES: dict[str, list[tuple[str, ...]]] = {
    "gpqa": [GPQA, *[(f"Q{n}?", f"a{n}", f"b{n}", f"c{n}", f"d{n}") for n in range(3)]],
    "mmlu": [MMLU, *[(f"Q{n}?", "1", "2", "3", "4", "ABCD"[n]) for n in range(3)]],
}
AIME = [{"question": f"What is {n}+{n}?", "answer": str(2 * n)} for n in range(3)]


@st.composite
def damaged_csv(draw: Any, table: list[tuple[str, ...]]) -> bytes:
    rows = draw(damaged([list(row) for row in table], TEXTS, least=0))
    text = io.StringIO()
    writer = csv.writer(text, escapechar="\\")
    for row in rows if isinstance(rows, list) else [rows]:
        writer.writerow(row if isinstance(row, list) else [row])
    content = text.getvalue().encode("utf-8", "surrogatepass")
    return bytes(draw(mangled(content)) if draw(st.booleans()) else content)


def check(task: str, paths: list[str], n_repeats: int = 2, **counts: Any) -> list[Sample]:
    """Samples that can be asked and graded, or a message."""
    try:
        samples = build_samples(task, paths, n_repeats, **counts)
    except DatasetError as exc:
        check_message(str(exc))
        return []
    for sample in samples:
        json.dumps([sample.prompt, sample.target]).encode()
        grade(task, sample.target, sample.prompt)
    assert len(data_sha256(paths)) == 64
    return samples


def file_of(folder: Path, content: bytes, name: str = "data") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@fuzz(content=damaged_csv(TABLES["gpqa"]))
def test_gpqa(content: bytes, tmp_path: Path) -> None:
    check("gpqa", [file_of(tmp_path, content)])


@fuzz(content=damaged_csv(TABLES["mmlu"]))
def test_mmlu(content: bytes, tmp_path: Path) -> None:
    check("mmlu", [file_of(tmp_path, content)])


@example(content=b'{"question": "a", "answer": NaN}\n')
@example(content=b'{"question": "a", "answer": 1e999}\n')
@fuzz(content=damaged_lines(AIME))
def test_aime25(content: bytes, tmp_path: Path) -> None:
    check("aime25", [file_of(tmp_path, content), file_of(tmp_path, content, "more")])


@fuzz(
    task=st.sampled_from(["gpqa", "mmlu", "aime25"]),
    files=st.lists(st.sampled_from(["good", "good", "missing", "."]), max_size=3),
    n_repeats=st.integers(0, 3),
    examples=st.one_of(st.none(), st.integers(-2, 8)),
    subset=st.one_of(st.none(), st.integers(-2, 8)),
)
def test_files_and_numbers(
    task: str, files: list[str], n_repeats: int, examples: int | None, subset: int | None, tmp_path: Path
) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in AIME)
    table = "\n".join(",".join(row) for row in TABLES.get(task, []))
    (tmp_path / "good").write_text(table or lines)
    paths = [str(tmp_path / name) for name in files]
    check(task, paths, n_repeats, examples=examples, subset=subset)


@fuzz(
    parts=st.lists(
        st.one_of(
            TEXTS, st.sampled_from(["Answer: A", "**Answer:** ", "\\boxed{", "}", "12", "٣", "1" * 5000, "-", "."])
        )
    ),
    answer=st.sampled_from([("gpqa", "A"), ("mmlu", "D"), ("aime25", "12"), ("aime25", "-0")]),
)
def test_any_reply_is_graded(parts: list[str], answer: tuple[str, str]) -> None:
    assert grade(*answer, "".join(parts)).score in (0.0, 1.0)


CONVOS = [
    [{"role": "user", "content": "What?"}, {"role": "assistant", "content": reply}] for reply in ("Answer: A", "no", "")
]
PAGE = "<p>Correct Answer: A</p>\n<p>Extracted Answer: X</p>\n<p>Score: {}</p>"
RESULTS = {
    "score": 1 / 3,
    "metrics": {"chars": 9.0},
    "convos": CONVOS,
    "htmls": [PAGE.format(s) for s in (1.0, 0.0, 0.0)],
}
SAMPLES = [Sample("gpqa", 0, repeat, (0, 1, 2, 3), "What?", "A") for repeat in range(3)]
ABOUT = {"server": "one", "model": "m", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses"}


@example(content=b"null")
@example(content=json.dumps({**RESULTS, "convos": [[3]] * 3}).encode())
@example(content=json.dumps({**RESULTS, "score": 10**400}).encode())
@fuzz(content=damaged_json(RESULTS))
def test_result_files_of_the_reference_harness(content: bytes, tmp_path: Path) -> None:
    path = file_of(tmp_path, content)
    try:
        document = _allresults.read_document(path)
        assert _allresults.repeats(document, 1) >= 1
        results = _allresults.match(document, SAMPLES)
        json.dumps(_allresults.score_row(results, ABOUT, 0.02))
    except _allresults.AllResultsError as exc:
        check_message(str(exc))
