# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of one failure class, and the index by words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failure_classes import CUDA, ROOT, Failure, Section, rows_of, sections
from pattern_texts import texts

MADE = "Made by `tools/make_failures_doc.py` from the collection's tables of failures."
LOGS = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "fixtures" / "logs"
# Of a line of a log.
MOST_SHOWN = 300
AGAIN = "ansible-playbook gpt_oss.fleet.deploy -i inventory --limit b200-02"


def told(text: str) -> str:
    """Return a cause or remedy for reading: what is filled in becomes an ellipsis, what only repeats the log goes."""
    text = re.sub(r": \{line\}$", "", text)
    text = re.sub(r"(?:\{\w+\})+", "…", text.replace("{{", "\0").replace("}}", "\1"))
    return text.replace("\0", "{").replace("\1", "}").replace("|", r"\|").strip()


def class_page(name: str, data: Mapping[str, Any]) -> str:
    """Return the page of a class. `data` is tools/failures.yml."""
    rows = list(rows_of(name))
    own = data["classes"][name]
    parts = [f"# `{name}`", "", *_meaning(rows, own), "## How it shows", "", *_shown(rows, data)]
    parts += ["", "## Cause and remedy", "", *_remedies(rows), "", "## What to look at", "", "On the host:", ""]
    parts += ["```sh", *_looks(rows, own, data), "```", "", "Then, on the controller:", "", "```sh", AGAIN, "```", ""]
    parts += ["## Related", "", *_related(own), "", f"Known by: {_seen(row for _section, row in rows)}.", "", MADE]
    return "\n".join(parts) + "\n"


def words_page(data: Mapping[str, Any]) -> str:
    """Return the index of all classes by their names and by words to search for."""
    names = sorted({row.name for section in sections() for row in section.rows})
    lines = [
        "# Failure classes by words",
        "",
        "Search this page for a word of the message, an exit code or a number of an HTTP status. By kind, with causes",
        "and remedies: [failures.md](../failures.md).",
        "",
        "| class | words | table |",
        "| --- | --- | --- |",
    ]
    for name in names:
        titles = ", ".join(dict.fromkeys(section.title for section, _row in rows_of(name)))
        lines.append(f"| [`{name}`]({name}.md) | {data['classes'][name]['words']} | {titles} |")
    return "\n".join([*lines, "", MADE]) + "\n"


def _meaning(rows: Sequence[tuple[Section, Failure]], own: Mapping[str, Any]) -> list[str]:
    cause = told(rows[0][1].cause)
    sentence = f"{cause}." if cause.startswith("vLLM") else f"{cause[0].upper()}{cause[1:]}."
    return [sentence, "", *([own["means"], ""] if "means" in own else [])]


def _shown(rows: Sequence[tuple[Section, Failure]], data: Mapping[str, Any]) -> list[str]:
    """Return where the class shows and the texts that it is known by, table by table."""
    lines: list[str] = []
    for section in dict.fromkeys(section for section, _row in rows):
        own = [row for found, row in rows if found == section]
        lines += ["", data["tables"][section.title]["shows"]] if lines else [data["tables"][section.title]["shows"]]
        codes = [row.pattern for row in own if section.title == "By the exit code"]
        if codes:
            lines[-1] += f" The exit code is {', '.join(codes)}."
        found = [text for row in own if section.searched and row.pattern for text in texts(row.pattern)]
        if found:
            lines += ["", f"One of these stands in {section.searched} (… is anything):", ""]
            lines += [f"- {_code(text)}" for text in dict.fromkeys(found)]
    example = _example(rows)
    return lines + (["", "A line that it is tested with:", "", "```text", example, "```"] if example else [])


def _example(rows: Sequence[tuple[Section, Failure]]) -> str:
    """Return the first line of the class's log among the tests' that its pattern fits; "" where none does."""
    for _section, row in rows:
        for path in sorted(LOGS.glob(f"{row.name.replace('hangs_in_', 'hang-')}*.log")):
            for line in path.read_text(encoding="utf-8").split("\n"):
                if row.pattern and re.search(row.pattern, line):
                    return line.strip()[:MOST_SHOWN]
    return ""


def _code(text: str) -> str:
    """Return a text as code; a line break in it is told."""
    spans = [f"`` {part} ``" if "`" in part else f"`{part}`" for part in text.strip().split("\n")]
    return ", and in the next line ".join(spans)


def _remedies(rows: Sequence[tuple[Section, Failure]]) -> list[str]:
    lines = ["| cause, as it is told | what to do |", "| --- | --- |"]
    pairs = dict.fromkeys((told(row.cause), told(row.remedy)) for _section, row in rows)
    return lines + [f"| {cause} | {remedy} |" for cause, remedy in pairs]


def _looks(rows: Sequence[tuple[Section, Failure]], own: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    names = own.get("look") or data["tables"][rows[0][0].title]["look"]
    commands = [data["commands"][name] for name in names]
    return [line for command in commands for line in (f"# {command['shows']}", command["run"])]


def _related(own: Mapping[str, Any]) -> list[str]:
    links = ", ".join(f"[`{name}`]({name}.md)" for name in own["related"])
    general = "all: [failures.md](../failures.md); by words: [README.md](README.md); step by step: "
    return [f"{links}; {general}[runbook.md](../runbook.md)"]


def _seen(rows: Iterable[Failure]) -> str:
    return "; ".join(dict.fromkeys(told(row.seen) if row.seen != CUDA else f"[CUDA's codes]({CUDA})" for row in rows))
