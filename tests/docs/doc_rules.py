"""How the documentation's commands are tested (tests/docs/commands.yml), and what is told of one without running it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Optional

import yaml
from doc_pages import ROOT, Command, commands, pages

WAYS = ("run", "playbook", "doc", "make", "module", "shell")


@dataclass(frozen=True)
class Rule:
    """How commands that fit a pattern are tested; `rc` and `says` are of those that are run."""

    match: str
    how: str
    reason: str = ""
    test: str = ""
    rc: int = 0
    says: str = ""

    def fits(self, text: str) -> bool:
        return re.fullmatch(self.match, text) is not None


@cache
def data() -> dict[str, Any]:
    """Return tests/docs/commands.yml."""
    return dict(yaml.safe_load((ROOT / "tests" / "docs" / "commands.yml").read_text(encoding="utf-8")))


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(Rule(**row) for row in data()["rules"])


@cache
def all_commands() -> tuple[Command, ...]:
    """Return each command of the documentation once, at the first place where it stands."""
    found: dict[str, Command] = {}
    for path in pages():
        page = str(path.relative_to(ROOT))
        for command in commands(path.read_text(encoding="utf-8"), page, data()["programs"], data()["inline"]):
            found.setdefault(command.text, command)
    return tuple(found.values())


def rule_of(text: str, among: Optional[Sequence[Rule]] = None) -> Optional[Rule]:
    """Return the first rule that fits a command, or None."""
    return next((rule for rule in (rules() if among is None else among) if rule.fits(text)), None)


def to_run() -> Iterator[tuple[Rule, Command]]:
    """Yield the commands that are run, in the order of their rules."""
    for rule in rules():
        if rule.how == "run":
            yield from ((rule, command) for command in all_commands() if rule_of(command.text) == rule)


def extra_variables(words: Sequence[str]) -> list[str]:
    """Return the names of the variables that -e sets, in the order of the words."""
    names: list[str] = []
    for option, value in zip(words, words[1:]):
        if option not in ("-e", "--extra-vars"):
            continue
        if value.startswith("{"):
            names += json.loads(value)
        elif not value.startswith("@"):
            names += [word.partition("=")[0] for word in shlex.split(value)]
    return names
