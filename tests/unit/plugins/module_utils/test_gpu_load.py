from __future__ import annotations

import asyncio
from typing import Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_load import GpuLoad, Look, working

FIRST = "0, 99, 700.00, 1830, 60\n1, 98, 500.00, 1200, 85\n2, 0, 90.00, 345, 30\n"
SECOND = "0, 97, 680.00, 1830, 62\n1, 99, 480.00, 1180, 87\n2, 3, 90.00, 345, 30\n"


class Smi:
    """Answers in turn as nvidia-smi would; None: there is no such command."""

    def __init__(self, *answers: Optional[Answer]) -> None:
        self._answers = list(answers)

    def has(self, name: str) -> bool:
        return True

    def run(self, *command: str) -> Optional[Answer]:
        assert command[0] == "nvidia-smi"
        return self._answers.pop(0)


def looked(*answers: Optional[Answer]) -> GpuLoad:
    load = GpuLoad(Smi(*answers))
    for _answer in answers:
        asyncio.run(load.look())
    return load


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (FIRST, [Look(0, 700.0, 1830.0, 60.0), Look(1, 500.0, 1200.0, 85.0)]),
        ("0, 99, [N/A], 1830, 60", [Look(0, None, 1830.0, 60.0)]),
        ("0, [N/A], 700, 1830, 60", []),
        ("No devices were found\n", []),
        ("", []),
    ],
)
def test_gpus_that_work(output: str, expected: list[Look]) -> None:
    assert working(output) == expected


def test_means_over_looks_and_gpus() -> None:
    assert looked(Answer(0, FIRST), Answer(9, "", "driver not loaded"), Answer(0, SECOND)).summary() == {
        "n_gpus": 2,
        "n_looks": 2,
        "power_watts": 590.0,
        "sm_clock_mhz": 1510.0,
        "temperature_celsius": 73.5,
        "slowest_gpu": {"index": 1, "sm_clock_mhz": 1190.0},
    }


@pytest.mark.parametrize("answer", [None, Answer(9, "", "no driver"), Answer(0, "0, 1, 90, 345, 30\n")])
def test_nothing_is_told_where_no_gpu_works(answer: Optional[Answer]) -> None:
    assert looked(answer).summary() is None
