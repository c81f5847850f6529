# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: diagnosis - from a container's log and exit to cause and remedy. The classes are data (_failures)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import ENGINE_FAILURES, FAILURES, HANGS, Failure

# vLLM's last word on a failed start. What caused it stands above.
_SUMMARY = "Engine core initialization failed"
_PREFIX = re.compile(r"^(?:\((?:\w|[-.])+ pid=\d+\) )?(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?")
_EXCEPTION = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt)\b.*")
_READ_LOG = "read the log's lines above the end (docker logs); the failure is none of those known here"
_MAX_CAUSE = 300


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a failure. `name` is the class, or unknown."""

    name: str
    cause: str
    remedy: str


def diagnose(lines: Sequence[str], exit_code: int | None = None, oom_killed: bool = False) -> Diagnosis:
    """Return cause and remedy of a container's end from its log (oldest line first) and its exit."""
    if oom_killed:
        return Diagnosis(
            "out_of_memory",
            "the kernel killed the server: out of memory (the host's, or the container's limit)",
            "give the host or the container more memory, or stop what else uses it (dmesg names it)",
        )
    return _from_table(FAILURES, lines) or _from_exception(lines) or _from_exit(exit_code)


def diagnose_text(text: str) -> Diagnosis:
    """Return cause and remedy of an error of the engine itself, such as a refused start."""
    return _from_table(ENGINE_FAILURES + FAILURES, [text]) or Diagnosis(
        "unknown", _short(text), "see the engine's own log (journalctl -u docker)"
    )


def diagnose_hang(stage: str, lines: Sequence[str], problem: str) -> Diagnosis:
    """Return what is known of a start that is not over in time; `problem` says what the server last answered."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    known = _from_table(HANGS, [last])
    remedy = "allow a longer timeout if the log still moves (docker logs); if not, its last lines say where it hangs"
    cause = f"{known.cause}; " if known else ""
    cause = f"{cause}last asked: {problem}; last line of the log: {_short(last)}"
    return Diagnosis(f"hangs_in_{known.name if known else stage}", cause, known.remedy if known else remedy)


def _from_table(failures: Sequence[Failure], lines: Sequence[str]) -> Diagnosis | None:
    for failure in failures:
        pattern = re.compile(failure.pattern)
        for line in reversed(lines):
            match = pattern.search(line)
            if match:
                groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
                return Diagnosis(failure.name, _short(failure.cause.format(**groups)), failure.remedy.format(**groups))
    return None


def _from_exception(lines: Sequence[str]) -> Diagnosis | None:
    """Return the last exception above vLLM's summary, or the last one at all."""
    bare = [_PREFIX.sub("", line).strip() for line in lines]
    end = next((number for number, line in enumerate(bare) if _SUMMARY in line), len(bare))
    for part in (bare[:end], bare):
        exceptions = [line for line in part if _EXCEPTION.match(line) and _SUMMARY not in line]
        if exceptions:
            return Diagnosis("unknown", _short(exceptions[-1]), _READ_LOG)
    return None


def _from_exit(exit_code: int | None) -> Diagnosis:
    known = {
        0: "the server ended by itself, with exit code 0 and without an error in its log",
        126: "the container's program could not be executed",
        127: "the container's program was not found",
        137: "the server was killed by SIGKILL (docker kill, the kernel, or a stop that took too long)",
        139: "the server crashed (segmentation fault)",
        143: "the server was told to end (SIGTERM)",
    }
    cause = known.get(-1 if exit_code is None else exit_code, f"the server ended with exit code {exit_code}")
    return Diagnosis("unknown", cause, _READ_LOG)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CAUSE else text[: _MAX_CAUSE - 3] + "..."
