# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/failures.md and docs/failures/*.md from the tables of failure classes and tools/failures.yml.

usage: tools/make_failures_doc.py [--check]

With --check nothing is written; exit code 1 says that a page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from failure_classes import Section, load, sections  # noqa: E402
from failure_pages import class_page, told, words_page  # noqa: E402

HEAD = """\
# When a server does not start

`vllm_container`, and so the role vllm and the playbooks, name the class of a failure (`diagnosis`), its `cause`, the
`remedy`, and the class's page here (`docs`); beside them `stage`, `exit_code` and the end of the `log`. The container
is left as it died. Below is every class; by other words: [failures/README.md](failures/README.md). In a cause, …
stands for what is known only then: the flag, the file, the GiB.

1. Find the class of the message here and do what its row says; its page says what to look at.
2. `unknown`: read the log above its end. vLLM writes the true cause *above* "Engine core initialization failed".
3. Several hosts at once: look for what they share first (image, network, model cache, a driver update).

How the cause is found: the process that failed first counts, not those that fell with it. Errors that a process
outlived, warnings, and code shown in tracebacks do not count. Where GPU memory is short, nvidia-smi is asked who holds
it; where a process was killed or a GPU failed, the kernel's log since the start is read.

`seen` tells by which text a class is known: of a run of that version, of a source, or of a vendor or reporter. This
page is made from the tables in `plugins/module_utils/_failures_*.py` by `tools/make_failures_doc.py`, and so are the
classes' own pages, with `tools/failures.yml`.
"""


def table(section: Section) -> list[str]:
    """Return a section's table, one line a class; of a class with several rows the first speaks."""
    lines = ["| class | cause | remedy | seen |", "| --- | --- | --- | --- |"]
    first = {row.name: row for row in reversed(section.rows)}
    names = dict.fromkeys(row.name for row in section.rows)
    return lines + [
        f"| [`{name}`](failures/{name}.md) | {told(first[name].cause)} | {told(first[name].remedy)} "
        f"| {told(first[name].seen)} |"
        for name in names
    ]


def page() -> str:
    """Return the page with all classes."""
    parts = [HEAD.rstrip()]
    for section in sections():
        parts += ["", f"## {section.title}", "", section.what, "", *table(section)]
    return "\n".join(parts) + "\n"


def pages() -> dict[Path, str]:
    """Return all pages by their paths."""
    data = load()
    found = {DOCS / "failures.md": page(), DOCS / "failures" / "README.md": words_page(data)}
    names = dict.fromkeys(row.name for section in sections() for row in section.rows)
    return found | {DOCS / "failures" / f"{name}.md": class_page(name, data) for name in names}


def stale() -> list[str]:
    """Return the pages that are not what the data say, and those of no class."""
    wanted = pages()
    there = {path: path.read_text(encoding="utf-8") for path in (DOCS / "failures").glob("*.md")}
    there[DOCS / "failures.md"] = (DOCS / "failures.md").read_text(encoding="utf-8")
    return sorted(str(path.relative_to(ROOT)) for path in {*wanted, *there} if wanted.get(path) != there.get(path))


def main() -> int:
    """Write the pages, or check them."""
    if "--check" in sys.argv[1:]:
        return int(bool(stale()))
    wanted = pages()
    for path in (DOCS / "failures").glob("*.md"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
