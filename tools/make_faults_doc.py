# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/faults.md from the marks of the tests that inject faults. usage: tools/make_faults_doc.py [--check]

With --check nothing is written; exit code 1 says that the page is out of date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"
TESTS = ROOT / "tests" / "integration"

# What part of the way a fault hits, in the order of the way.
STAGES = {
    "prepare": "Preparing a host",
    "models": "Bringing a model",
    "images": "Bringing an image",
    "serve": "Starting a server",
    "smoke": "Smoke test",
    "evaluate": "An eval under way",
    "report": "Facts, verdict and report",
    "rollout": "Rollout",
    "status": "A look at what runs",
}

HEAD = """\
# What faults do

`make faults` injects each fault below into real parts: Docker Engines, containers, processes, file systems, sockets,
ansible-playbook. At its end it prints a table: the fault, what was expected, what was seen, and whether that agrees.
It fails when one row does not. `make integration`, and so CI, runs those of them that do not take minutes.

Nothing simulates a fault's effect on the collection. What is simulated is the server: it has vLLM's API and log, and
needs no GPU. Deaths of the real vLLM are tested by `make acceptance-vllm`.

How to read a row:

- **sees**: the words that the user gets, or the numbers of the result. … stands for what differs from run to run. The
  test compares these words with those of the run.
- **kept**: what is as it was before, or is not lost.
- **next run**: what the same command does once the fault is over.

No row may lose a sample that was journalled, leave something half that passes for whole, or pass in silence.
This page is made from the marks of the tests by `tools/make_faults_doc.py`.
"""


@dataclass(frozen=True)
class Fault:
    """One row: what a test's mark says, and the test."""

    kind: str
    fault: str
    stage: str
    sees: str
    kept: str
    next_run: str
    test: str

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return f"{self.test}: {self.fault}"


def declared(folder: Path = TESTS) -> list[Fault]:
    """Return the faults that the tests of a folder are marked with, in the order of their files."""
    return [fault for path in sorted(folder.glob("test_*.py")) for fault in marks_of(path)]


def marks_of(path: Path) -> Iterator[Fault]:
    """Yield the faults of one file: a mark is a decorator, or one of a parameter's marks, and its values are literals.

    Parameters stand in the decorator, or in a list that it names. Raises ValueError where a value is no literal, and
    TypeError where a mark lacks a value or has one too many.
    """
    body = ast.parse(path.read_text(encoding="utf-8")).body
    lists = {ast.unparse(node.targets[0]): node.value for node in body if isinstance(node, ast.Assign)}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                named = [
                    lists[word.id] for word in ast.walk(decorator) if isinstance(word, ast.Name) and word.id in lists
                ]
                for call in filter(_is_mark, (found for tree in (decorator, *named) for found in ast.walk(tree))):
                    assert isinstance(call, ast.Call)
                    values = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
                    yield Fault(**values, test=f"{path.stem}.{node.name}")


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def page(faults: list[Fault]) -> str:
    """Return the whole page."""
    lines = [HEAD.rstrip(), "", f"{len(faults)} rows."]
    for stage, title in STAGES.items():
        rows = [fault for fault in faults if fault.stage == stage]
        if rows:
            lines += ["", f"## {title}", "", "| fault | sees | kept | next run |", "| --- | --- | --- | --- |"]
            lines += [
                f"| {_cell(row.fault)} | {_cell(row.sees)} | {_cell(row.kept)} | {_cell(row.next_run)} |"
                for row in sorted(rows, key=lambda row: (row.kind, row.fault))
            ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or check it."""
    wanted = page(declared())
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
