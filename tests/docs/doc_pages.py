"""What a Markdown page holds, for tests: its blocks of code, the commands in them, its links, headings and names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)(```+|~~~+) *(.*)$")
_LIST_ITEM = re.compile(r"^( *)(?:[-*+]|\d+[.)]) +")
_HEADING = re.compile(r"^(#{1,6}) +(.*?)#* *$")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
SHELLS = ("sh", "bash", "shell", "console")


@dataclass(frozen=True)
class Block:
    """A block of code: its language ("" where none is named), its text without indentation, the text's first line."""

    language: str
    text: str
    line: int
    fenced: bool = True


@dataclass(frozen=True)
class Command:
    """A command as a page has it, in one line, and where."""

    text: str
    page: str
    line: int


def pages() -> list[Path]:
    """Return all pages for users: README.md, docs, and the roles'."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "roles").glob("*/README.md"))]


def blocks(text: str) -> list[Block]:
    """Return the fenced and the indented blocks of a page, in order."""
    found: list[Block] = []
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence:
            end = next(
                (at for at in range(number + 1, len(lines)) if lines[at].strip().startswith(fence[2])), len(lines)
            )
            body = [line.removeprefix(fence[1]) for line in lines[number + 1 : end]]
            found.append(Block(fence[3].split(" ")[0], "\n".join(body), number + 2))
            number = end + 1
            continue
        depth = _code_depth(lines, number)
        if depth:
            end = number
            while end < len(lines) and (not lines[end].strip() or _indentation(lines[end]) >= depth):
                end += 1
            body = [line[depth:] for line in lines[number:end]]
            found.append(Block("", "\n".join(body).rstrip(), number + 1, fenced=False))
            number = end
            continue
        number += 1
    return found


def _code_depth(lines: list[str], number: int) -> int:
    """Return by how much a block of code that begins at a line is indented; 0 where none begins there."""
    line = lines[number]
    if not line.strip() or (number and lines[number - 1].strip()):
        return 0
    base = 0
    for above in reversed(lines[:number]):
        item = _LIST_ITEM.match(above)
        if item:
            base = len(item[0])
            break
        if above.strip() and _indentation(above) == 0:
            break
    return base + 4 if _indentation(line) >= base + 4 and not _LIST_ITEM.match(line) else 0


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def commands(text: str, page: str, programs: Iterable[str], inline: Iterable[str] = ()) -> list[Command]:
    """Return the commands of a page: of its shell blocks, and of spans of code that begin with one of `inline`.

    A block without a language is one of the shell where its first line begins with a known program.
    """
    known, within = tuple(programs), tuple(inline)
    found = [command for block in blocks(text) if is_shell(block, known) for command in _of_block(block, page)]
    for line, span in spans(text):
        if span.split(" ")[0] in within and " " in span:
            found.append(Command(" ".join(span.split()), page, line))
    return found


def is_shell(block: Block, programs: Iterable[str]) -> bool:
    """Tell whether a block holds commands."""
    return block.language in SHELLS if block.language else first_word(block) in programs


def first_word(block: Block) -> str:
    """Return the first word of a block, less comments."""
    lines = [line for line in block.text.split("\n") if line.strip() and not line.startswith("#")]
    return lines[0].split()[0] if lines else ""


def _of_block(block: Block, page: str) -> Iterator[Command]:
    whole, begin = "", 0
    for number, line in enumerate(block.text.split("\n"), block.line):
        if block.language == "console":
            if not whole and not line.startswith("$ "):
                continue
            line = line.removeprefix("$ ")
        if not whole and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begin = begin if whole else number
        whole = f"{whole} {line.strip()}".strip()
        if whole.endswith("\\"):
            whole = whole[:-1].strip()
        elif _is_whole(whole):
            yield Command(without_comment(whole), page, begin)
            whole = ""
    if whole:
        yield Command(whole, page, begin)


def _is_whole(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def without_comment(text: str) -> str:
    """Return a command without the comment behind it."""
    for match in re.finditer(r"\s#", text):
        head = text[: match.start()]
        if _is_whole(head):
            return head.strip()
    return text.strip()


def prose(text: str) -> str:
    """Return a page without its blocks of code, line by line as it was."""
    lines = text.split("\n")
    for block in blocks(text):
        first, last = block.line - 1, block.line + block.text.count("\n")
        for number in range(first - block.fenced, min(last + block.fenced, len(lines))):
            lines[number] = ""
    return "\n".join(lines)


def spans(text: str) -> list[tuple[int, str]]:
    """Return the spans of code in a page's prose, with their lines."""
    plain = prose(text)
    found = []
    for paragraph in re.finditer(r"(?:[^\n]+\n?)+", plain):
        for match in _SPAN.finditer(paragraph[0]):
            line = plain.count("\n", 0, paragraph.start() + match.start()) + 1
            found.append((line, match[2].strip()))
    return found


def links(text: str) -> list[tuple[int, str]]:
    """Return the targets of a page's links, with their lines."""
    plain = _SPAN.sub(
        lambda match: "`" + "x" * (len(match[0]) - 2) + "`" if "\n" not in match[0] else match[0], prose(text)
    )
    return [(plain.count("\n", 0, match.start()) + 1, match[1]) for match in _LINK.finditer(plain)]


def headings(text: str) -> list[tuple[int, str]]:
    """Return a page's headings: level and text."""
    return [(len(found[1]), found[2]) for found in map(_HEADING.match, prose(text).split("\n")) if found]


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make, as GitHub and MyST do."""
    found: set[str] = set()
    for _level, title in headings(text):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        base, count = slug, 0
        while slug in found:
            count += 1
            slug = f"{base}-{count}"
        found.add(slug)
    return found
