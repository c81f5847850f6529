"""A host for tests: files below a folder, and commands that answer from a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader


def reader(
    root: Path, files: dict[str, str | bytes] | None = None, commands: dict[str, tuple[int, str]] | None = None
) -> Reader:
    """Return a reader of a host with these files; a command is known by the beginning of its line."""
    for name, content in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        line = " ".join(argv)
        known = [answer for start, answer in (commands or {}).items() if line.startswith(start)]
        return (*known[0], "") if known else (127, "", "not found")

    return Reader(run, str(root))
