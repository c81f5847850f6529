# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: diagnosis - from a container's log and exit to cause and remedy. The classes are data (_failures)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import (
    CAUSES,
    CONCERNS,
    ENGINE_FAILURES,
    EXITS,
    FAILURES,
    GENERAL,
    HANGS,
    OOM_KILLED,
    READ_LOG,
    STOPPED,
    Failure,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._log_lines import Line, by_process, telling

# vLLM's last words on a failed start. What caused it stands above.
_SUMMARY = re.compile(r"Engine core initialization failed|WorkerProc initialization failed|EngineDeadError")
# The rows that those fit. An API server outlives its engine by a few lines.
_POINTERS = tuple(row for row in GENERAL if row.name == "engine_died")
_EXCEPTION = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?(?:[A-Z]\w*(?:Error|Exception|Interrupt)\b|Exception: ).*")
_MAX_CAUSE = 300
_MAX_LINE = 200
# What vLLM says at its start that it was told.
_TOLD = {
    "model": re.compile(r"non-default args: .*?'model(?:_tag)?': '([^']+)'"),
    "port": re.compile(r"non-default args: .*?'port': (\d+)"),
}
_UNTOLD = {"model": "the model", "port": "8000"}


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a failure. `name` is the class, or unknown."""

    name: str
    cause: str
    remedy: str


def diagnose(lines: Sequence[str], exit_code: int | None = None, oom_killed: bool = False) -> Diagnosis:
    """Return cause and remedy of a container's end from its log (oldest line first) and its exit.

    An error after which its process went on with its work is not the cause, unless vLLM points to a cause above and
    there is no other.
    """
    if oom_killed:
        return Diagnosis(OOM_KILLED.name, OOM_KILLED.cause, OOM_KILLED.remedy)
    told = {name: _search(pattern, lines) or _UNTOLD[name] for name, pattern in _TOLD.items()}
    found = telling(lines)
    fatal = [line for line in found if not line.survived]
    points_above = any(_SUMMARY.search(line.text) for line in found)
    return (
        _from_log(CAUSES, fatal, told)
        or _from_log(GENERAL, fatal, told)
        or _from_exception(fatal)
        or (_from_log(CAUSES, found, told) or _from_log(_POINTERS, found, told) if points_above else None)
        or _from_stop(lines, exit_code)
        or _from_exit(exit_code)
    )


def diagnose_text(text: str) -> Diagnosis:
    """Return cause and remedy of an error of the engine itself, such as a refused start."""
    match = _first(ENGINE_FAILURES + FAILURES, text)
    return match[0] if match else Diagnosis("unknown", _short(text), "see the engine's own log (journalctl -u docker)")


def diagnose_hang(stage: str, lines: Sequence[str], problem: str) -> Diagnosis:
    """Return what is known of a start that is not over in time; `problem` says what the server last answered."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    match = _first(HANGS, last)
    known = match[0] if match else None
    remedy = "allow a longer timeout if the log still moves (docker logs); if not, its last lines say where it hangs"
    cause = f"{known.cause}; " if known else ""
    cause = f"{cause}last asked: {problem}; last line of the log: {_short(last)}"
    return Diagnosis(f"hangs_in_{known.name if known else stage}", cause, known.remedy if known else remedy)


def concerns(lines: Sequence[str]) -> list[Diagnosis]:
    """Return what the log of a server that runs says of what is not as it should be."""
    text = "\n".join(lines)
    return [match[0] for match in (_first([row], text) for row in CONCERNS) if match]


def _search(pattern: re.Pattern[str], lines: Sequence[str]) -> str | None:
    return next((match[1] for match in map(pattern.search, lines) if match), None)


def _from_log(failures: Sequence[Failure], lines: Sequence[Line], told: Mapping[str, str]) -> Diagnosis | None:
    """Return the diagnosis of the process that failed first; within a process the order of the rows decides."""
    found: list[tuple[int, Diagnosis]] = []
    for own in by_process(lines):
        match = _first(failures, "\n".join(line.text for line in own), told)
        if match:
            line = own[match[1]]
            cause = f"{match[0].cause} (in {line.rank})" if line.rank else match[0].cause
            found.append((line.number, replace(match[0], cause=cause)))
    return min(found, key=lambda row: row[0])[1] if found else None


def _first(
    failures: Sequence[Failure], text: str, told: Mapping[str, str] | None = None
) -> tuple[Diagnosis, int] | None:
    """Return the diagnosis by the first row that fits anywhere in the text, and the number of the line that it fits."""
    for failure in failures:
        match = re.search(failure.pattern, text, re.MULTILINE)
        if match:
            begin = text.rfind("\n", 0, match.start()) + 1
            line = text[begin:].partition("\n")[0]
            if len(line) > _MAX_LINE:
                # Of a long line, what counts begins where it matches.
                line = text[match.start() :].partition("\n")[0]
            groups = {**(told or _UNTOLD), "line": _short(line)}
            groups.update({name: (value or "").strip() for name, value in match.groupdict().items()})
            cause, remedy = failure.cause.format(**groups), failure.remedy.format(**groups)
            return Diagnosis(failure.name, _short(cause).rstrip(" :"), remedy), text.count("\n", 0, match.start())
    return None


def _from_exception(lines: Sequence[Line]) -> Diagnosis | None:
    """Return the last exception of the process that raised one first, less those that point above."""
    for own in by_process(lines):
        texts = [line.text.strip() for line in own]
        exceptions = [text for text in texts if _EXCEPTION.match(text) and not _SUMMARY.search(text)]
        if exceptions:
            return Diagnosis("unknown", _short(exceptions[-1]), READ_LOG)
    return None


def _from_stop(lines: Sequence[str], exit_code: int | None) -> Diagnosis | None:
    """Return that the server was told to end, where it says so. One that did not end in time was killed (137)."""
    stopped = exit_code == 0 and any(re.search(STOPPED.pattern, line) for line in lines)
    return Diagnosis(STOPPED.name, STOPPED.cause, STOPPED.remedy) if stopped else None


def _from_exit(exit_code: int | None) -> Diagnosis:
    known = next((row for row in EXITS if row.pattern == str(exit_code)), None)
    if known:
        return Diagnosis(known.name, known.cause, known.remedy)
    return Diagnosis("unknown", f"the server ended with exit code {exit_code}", READ_LOG)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CAUSE else text[: _MAX_CAUSE - 3] + "..."
