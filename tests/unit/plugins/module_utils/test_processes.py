from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._processes import (
    descendants,
    hindered,
    of_container,
    parse_stat,
)

STATS = [
    ("18848 (VLLM::EngineCor) T 18494 18494 18494 0 -1 4194560 293", 18848, "VLLM::EngineCor", "T", 18494),
    ("7 (a) b (c) R 1 7 7 0", 7, "a) b (c", "R", 1),
    ("1 (x\ny) S 0 1 1 0", 1, "x\ny", "S", 0),
]


@pytest.mark.parametrize(("text", "pid", "name", "state", "parent"), STATS)
def test_a_stat(text: str, pid: int, name: str, state: str, parent: int) -> None:
    assert parse_stat(text) == {"pid": pid, "name": name, "state": state, "parent": parent}


def test_no_stat() -> None:
    assert parse_stat("") is None


def process(pid: int, parent: int, state: str = "S", name: str = "python") -> dict[str, Any]:
    return {"pid": pid, "parent": parent, "state": state, "name": name}


def test_descendants_are_a_containers() -> None:
    processes = [process(9, 5), process(5, 3), process(1, 0), process(3, 1), process(4, 1), process(6, 3)]
    assert [found["pid"] for found in descendants(processes, 3)] == [3, 5, 6, 9]
    assert descendants(processes, 77) == []


HINDERED: list[tuple[list[dict[str, Any]], Optional[int]]] = [
    ([process(1, 0), process(2, 1, "R", "VLLM::EngineCor")], None),
    ([process(1, 0, "Z"), process(2, 1, "T", "VLLM::Worker_TP")], 2),
    ([process(1, 0), process(3, 1, "D", "nvidia-smi")], 3),
]


@pytest.mark.parametrize(("processes", "pid"), HINDERED)
def test_the_process_that_explains_it(processes: list[dict[str, Any]], pid: Optional[int]) -> None:
    found = hindered(processes)
    assert (found and found["pid"]) == pid


def test_processes_of_a_container(tmp_path: Path) -> None:
    for pid, parent, state, extra in (
        (70, 2, "S", {"cgroup": "0::/docker/abc\n"}),
        (71, 70, "D", {"wchan": "io_wait"}),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (vllm) {state} {parent} 1 1 0")
        for name, text in extra.items():
            (folder / name).write_text(text)
    found = of_container("abc", 70, tmp_path)
    assert [(row["pid"], row["state"], row["waits_in"]) for row in found] == [(70, "S", None), (71, "D", "io_wait")]
    assert of_container("another", 70, tmp_path) == of_container("abc", 0, tmp_path) == []
