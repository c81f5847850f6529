from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import diagnose, diagnose_hang, diagnose_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import classes, page_of, with_page
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stage_markers import STAGE_TIMEOUTS

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("diagnosis", "page"),
    [
        ("gpu_busy", "docs/failures/gpu_busy.md"),
        ("hangs_in_nccl", "docs/failures/hangs_in_nccl.md"),
        ("wrong_kernel", "docs/failures/wrong_kernel.md"),
        ("no_such_class", None),
        ("", None),
        (None, None),
    ],
)
def test_the_page_of_a_class(diagnosis: Optional[str], page: Optional[str]) -> None:
    assert page_of(diagnosis) == page


def test_each_page_is_there() -> None:
    assert [name for name in sorted(classes()) if not (ROOT / str(page_of(name))).is_file()] == []


@pytest.mark.parametrize("stage", [stage for stage in STAGE_TIMEOUTS if stage != "pulled"])
def test_what_a_start_can_hang_in_has_a_page(stage: str) -> None:
    assert diagnose_hang(stage, ["a line"], "connection refused").name in classes()


def test_what_nobody_knows_has_a_page() -> None:
    assert {diagnose(["a line"], 3).name, diagnose_text("a text").name} == {"unknown"}
    assert page_of("unknown")


@pytest.mark.parametrize(
    ("message", "diagnosis", "expected"),
    [
        ("it failed", "killed", "it failed. More: docs/failures/killed.md"),
        ("it failed.", "killed", "it failed. More: docs/failures/killed.md"),
        ("it failed.", None, "it failed."),
    ],
)
def test_a_message_names_the_page(message: str, diagnosis: Optional[str], expected: str) -> None:
    assert with_page(message, diagnosis) == expected


def test_a_failure_carries_the_page() -> None:
    failure = ContainerError("it failed", diagnosis="killed", stage="engine")
    assert str(failure).endswith("More: docs/failures/killed.md")
    assert failure.details == {"diagnosis": "killed", "stage": "engine", "docs": "docs/failures/killed.md"}
    assert ContainerError("it failed", stage="engine").details == {"stage": "engine"}
