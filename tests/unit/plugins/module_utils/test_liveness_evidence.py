# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a server that is not well: the end of its log, the cause, an engine's processes; and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _liveness_result, _processes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Case, Container, Settings
from test_liveness import NOW, container, one, seen
from test_liveness_result import Smi

SECRET = "hf_abcdefghijklmnop"
KEY = "key-of-the-api-0123"
BEFORE, AFTER = "1970-01-12T12:00:00.5Z", "1970-01-12T13:00:00Z"  # of the start of container(), an hour before NOW
NO_MODEL = (
    "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
    f"'/{SECRET}/model'. Use `repo_type` argument if needed."
)


class Told(Engine):
    """An engine that tells what it was told to."""

    def __init__(self, *lines: str, trouble: str = "") -> None:
        self.lines = lines
        self.trouble = trouble
        self.asked: list[tuple[str, Any]] = []

    def inspect(self, name: str) -> dict[str, Any] | None:
        self.asked.append((name, None))
        return {"Config": {"Env": [f"HF_TOKEN={SECRET}"]}}

    def log_lines(self, container_id: str, since: float | None = None, tail: int | str = "all") -> Iterator[str]:
        self.asked.append((container_id, tail))
        if self.trouble:
            raise EngineError(self.trouble)
        yield from self.lines


def evidence(verdict: str, engine: Engine, known: Container | None, **others: Any) -> dict[str, Any]:
    looked = seen(0, health=None, container=known)
    case = Case("s", Settings(), (looked,), NOW)
    found = _liveness_result.result(case, Judgement(verdict, "it is", "mend it"), None, "http://h/v1")
    return _liveness_result.with_evidence(found, case, engine, others.get("smi", Smi(None)), [KEY, None])


def test_an_end_is_told_with_its_cause_and_without_secrets() -> None:
    engine = Told(f"{BEFORE} hello {KEY}\r\x1b[31mpart 2 of 2", f"{BEFORE} {NO_MODEL}")
    found = evidence("dead", engine, container(status="exited", running=False, exit_code=1))
    assert engine.asked == [("s", None), ("c1", 1000)]
    assert found["diagnosis"] == "model_folder_missing"
    assert found["docs"] == "docs/failures/model_folder_missing.md"
    assert "/model" in found["cause"] and SECRET not in found["cause"]
    assert found["log"][0].endswith("part 2 of 2") and "\x1b" not in found["log"][0]
    assert "HFValidationError" in found["log"][1] and SECRET not in found["log"][1]
    assert found["remedy"].endswith("; then: mend it") and found["remedy"] != "; then: mend it"
    assert (found["processes"], found["gpus"]) == ([], [])


def test_an_end_without_a_known_cause_keeps_the_verdicts_remedy() -> None:
    found = evidence("dead", Told(f"{BEFORE} hello {KEY}"), container(status="exited", running=False, exit_code=3))
    assert (found["diagnosis"], found["remedy"]) == ("unknown", "mend it")
    assert len(found["log"]) == 1 and KEY not in found["log"][0]


@pytest.mark.parametrize(("verdict", "remedied"), [("restarting", False), ("crash_loop", True)])
def test_of_a_server_that_runs_again_the_run_before_tells_why(verdict: str, remedied: bool) -> None:
    found = evidence(verdict, Told(f"{BEFORE} {NO_MODEL}", f"{AFTER} it starts anew"), container())
    assert ["HFValidationError" in line for line in found["log"]] == [True]
    assert found["diagnosis"] == "model_folder_missing"
    assert found["remedy"].endswith("; then: mend it") is remedied


def test_between_two_attempts_the_whole_log_tells() -> None:
    engine = Told(f"{BEFORE} {NO_MODEL}", f"{AFTER} the last words")
    found = evidence("restarting", engine, container(restarting=True, exit_code=1))
    assert len(found["log"]) == 2 and found["log"][1] == "the last words"


def test_forty_lines_are_shown() -> None:
    engine = Told(*(f"{BEFORE} line {number}" for number in range(60)))
    assert evidence("unreachable", engine, container())["log"] == [f"line {number}" for number in range(20, 60)]


def test_an_engine_that_tells_no_log_says_why() -> None:
    found = evidence("dead", Told(trouble="it is gone"), container(status="exited", running=False, exit_code=3))
    assert found["log"] == ["(no log: it is gone)"]


@pytest.mark.parametrize("known", [None, container()])
def test_what_is_well_or_absent_has_no_evidence(known: Container | None) -> None:
    engine = Told()
    verdict = "busy" if known else "absent"
    assert evidence(verdict, engine, known)["log"] == [] and engine.asked == []


ROW = {"pid": 7, "name": "VLLM::EngineCor", "state": "T", "waits_in": None}
STOPPED = (
    "it is; VLLM::EngineCor (process 7) is stopped by a signal (T)",
    "let it go on (kill -CONT 7), and find out who stopped it (kill -STOP)",
)
IN_KERNEL = "it is; VLLM::EngineCor (process 7) is waiting in the kernel (D, in nvidia_ioctl)"
DMESG = (
    "look at dmesg for XIDs of the GPU and errors of disks; if a restart (docker restart s) hangs too, reboot"
)  # fmt: skip


@pytest.mark.parametrize(
    ("row", "status", "sentence", "remedy"),
    [
        ({**ROW, "state": "S"}, "running", "it is", "mend it"),
        (ROW, "running", *STOPPED),
        ({**ROW, "state": "D", "waits_in": "nvidia_ioctl"}, "running", IN_KERNEL, DMESG),
        # Paused by Docker, its processes may be told as stopped: what lets them go on is another command.
        (ROW, "paused", STOPPED[0], "mend it"),
    ],
)
def test_an_engine_that_hangs_is_told_with_its_processes_and_gpus(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], status: str, sentence: str, remedy: str
) -> None:
    asked: list[tuple[str, int]] = []

    def processes(container_id: str, pid: int) -> list[dict[str, Any]]:
        asked.append((container_id, pid))
        return [row]

    monkeypatch.setattr(_processes, "of_container", processes)
    found = evidence("stuck", Told(), container(status=status), smi=Smi(Answer(0, "0, 100, 5, 9\n")))
    assert asked == [("c1", 99)]
    assert (found["sentence"], found["remedy"], found["processes"]) == (sentence, remedy, [row])
    assert found["gpus"] == [
        {"index": 0, "utilization_percent": 100, "memory_used_mib": 5, "memory_total_mib": 9},
    ]
    assert (found["diagnosis"], found["cause"]) == (None, None)


def test_a_case_that_is_well_is_left_as_it_is() -> None:
    case = Case("s", Settings(), (one(0),), NOW)
    found = _liveness_result.result(case, Judgement("idle", "it is", "nothing"), None, "http://h/v1")
    assert _liveness_result.with_evidence(found, case, Told(), Smi(None), []) is found
