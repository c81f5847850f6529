"""What names there are in the project that its documentation can use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from doc_pages import ROOT


@cache
def playbooks() -> frozenset[str]:
    """Return the playbooks' names, as ansible-playbook takes them after gpt_oss.fleet."""
    return frozenset(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


@cache
def plugins() -> frozenset[str]:
    """Return the names of modules, actions, filters, lookups and roles."""
    kinds = ("modules", "action", "filter", "lookup")
    files = {path.stem for kind in kinds for path in (ROOT / "plugins" / kind).glob("[a-z]*.py")}
    return frozenset(files | {path.name for path in (ROOT / "roles").iterdir()})


@cache
def make_targets() -> frozenset[str]:
    """Return the Makefile's targets."""
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def role_variables() -> frozenset[str]:
    """Return the variables that roles or playbooks take: of defaults, argument specs, and playbooks alone."""
    found: set[str] = set()
    for path in (ROOT / "roles").glob("*/defaults/main.yml"):
        found |= set(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        found |= {name for spec in specs.values() for name in spec.get("options", {})}
    # A variable that is taken with a default, or asked whether it is defined: of the playbooks, and those that several
    # roles share.
    taken = re.compile(r"\b([a-z]\w*_\w+) *(?:\|+ *default\(|is (?:not )?defined)")
    for path in _sources():
        found |= set(taken.findall(path.read_text(encoding="utf-8")))
    return frozenset(found)


@cache
def known_words() -> frozenset[str]:
    """Return all names in roles, playbooks and plugins: of variables, facts, options and keys."""
    files = [*_sources(), *(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").rglob("*.yml")]
    return frozenset(word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8")))


def _sources() -> Iterable[Path]:
    folders: Any = (ROOT / "playbooks", *(ROOT / "roles").glob("*/tasks"), *(ROOT / "roles").glob("*/defaults"))
    return [path for folder in folders for path in folder.rglob("*.yml")]
