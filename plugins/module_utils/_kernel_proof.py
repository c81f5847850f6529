# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: kernel proof - whether vLLM's log proves that the kernels run which a recipe asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional

PROVEN = "proven"
UNKNOWN = "unknown"
CONTRADICTED = "contradicted"
NOT_APPLICABLE = "not_applicable"
# The worst finding makes the proof's state.
_ORDER = (CONTRADICTED, UNKNOWN, PROVEN, NOT_APPLICABLE)

# Between these two lies all that vLLM says of the kernels that it chose for the model.
_LOADING = ("Starting to load model", "Model loading took")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_UNKNOWN_VARIABLE = re.compile(r"Unknown vLLM environment variable detected: (\w+)")


@dataclass(frozen=True)
class Finding:
    """What the log says of one subject: `moe` or `attention`. `line` decided; None where no line did."""

    subject: str
    state: str
    expected: str
    line: Optional[str]
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Proof:
    """The findings of all subjects; `state` is the worst of theirs, `not_applicable` where nothing was demanded."""

    state: str
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the proof in plain types."""
        return {"state": self.state, "findings": [asdict(finding) for finding in self.findings]}

    @classmethod
    def of_dict(cls, kept: Mapping[str, Any]) -> Proof:
        """Return the proof that `as_dict` made this of; of anything else, nothing is known."""
        try:
            return cls(str(kept["state"]), tuple(Finding(**finding) for finding in kept.get("findings") or []))
        except (AttributeError, KeyError, TypeError):
            return cls(UNKNOWN, ())


class _Witness:
    """What has been read for one subject so far."""

    def __init__(self, subject: Mapping[str, Any]) -> None:
        self.subject = subject
        self.proves = [_pattern(text) for text in subject.get("proves") or []]
        self.contradicts = {_pattern(text): fix for text, fix in (subject.get("contradicts") or {}).items()}
        self.proving: Optional[str] = None
        self.contradicting: Optional[str] = None
        self.remedy = ""

    def read(self, line: str) -> None:
        if any(pattern.search(line) for pattern in self.proves):
            self.proving = self.proving or line
        elif self.contradicting is None:
            for pattern, remedy in self.contradicts.items():
                if pattern.search(line):
                    self.contradicting, self.remedy = line, remedy
                    return

    def finding(self, loaded: bool) -> Finding:
        expected = self.subject["expected"]
        if self.contradicting is not None:
            sentence = f"Wanted {expected}, but the log says: {self.contradicting}"
            return self._finding(CONTRADICTED, self.contradicting, sentence, self.remedy)
        if self.proving is not None:
            return self._finding(PROVEN, self.proving, f"The log proves {expected}: {self.proving}", "")
        if self.subject.get("by_exclusion") and loaded:
            sentence = f"The log proves {expected}: this version names all others, and the log names none."
            return self._finding(PROVEN, None, sentence, "")
        return self._finding(UNKNOWN, None, *_unknown(self.subject))

    def _finding(self, state: str, line: Optional[str], sentence: str, remedy: str) -> Finding:
        return Finding(self.subject["subject"], state, self.subject["expected"], line, sentence, remedy)


def prove(lines: Iterable[str], expectation: Mapping[str, Any]) -> Proof:
    """Read a server's log, without its engine's timestamps, and say what it proves.

    `expectation` is the `kernel_proof` of a resolved server: `subjects`, a list with, for each, `subject`, `expected`
    (a phrase), `proves` (list of texts), `contradicts` (text → remedy) and `by_exclusion`. A text is what a line ends
    in; "*" stands for anything. A line that contradicts decides, whatever else the log holds: several workers may have
    chosen differently.
    """
    witnesses = [_Witness(subject) for subject in expectation.get("subjects") or []]
    if not witnesses:
        return Proof(NOT_APPLICABLE)
    seen: set[str] = set()
    for raw in lines:
        line = _COLOURS.sub("", raw).strip()
        seen.update(text for text in _LOADING if text in line)
        for witness in witnesses:
            witness.read(line)
    findings = tuple(witness.finding(len(seen) == len(_LOADING)) for witness in witnesses)
    return Proof(min((finding.state for finding in findings), key=_ORDER.index), findings)


def dead_variables(lines: Iterable[str], given: Optional[Collection[str]] = None) -> list[str]:
    """Return a warning for each variable that vLLM (0.17.0 and newer) says it does not know.

    `given` holds the names that the container was given; variables that the image brings itself are then left out.
    """
    names = [match.group(1) for line in lines for match in [_UNKNOWN_VARIABLE.search(line)] if match]
    return [
        f"vLLM does not know the environment variable {name}, so it has no effect; take it out, or correct its name."
        for name in dict.fromkeys(names)
        if given is None or name in given
    ]


def _unknown(subject: Mapping[str, Any]) -> tuple[str, str]:
    expected = subject["expected"]
    if not subject.get("proves") and not subject.get("by_exclusion"):
        sentence = f"Wanted {expected}. No line of this build's log is known to prove or disprove it."
        return sentence, "use a release image, whose log names its kernels, or measure speed and scores"
    sentence = f"Wanted {expected}, but no line of the log proves or disproves it."
    return sentence, "see that VLLM_LOGGING_LEVEL shows INFO lines and that the log is whole from the server's start"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")) + "$")
