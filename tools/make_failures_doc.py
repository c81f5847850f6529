# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/failures.md from the tables of failure classes. usage: tools/make_failures_doc.py [--check]

With --check nothing is written; exit code 1 says that the page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "failures.md"
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _failures as tables  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure  # noqa: E402

HEAD = """\
# When a server does not start

`vllm_container`, and so the role vllm and the playbooks, name the class of a failure (`diagnosis`), its `cause`, and
the `remedy`; beside them `stage`, `exit_code` and the end of the `log`. The container is left as it died.
Below is every class. In a cause, … stands for what is known only then: the flag, the file, the GiB.

1. Find the class of the message here and do what its row says.
2. `unknown`: read the log above its end. vLLM writes the true cause *above* "Engine core initialization failed".
3. Several hosts at once: look for what they share first (image, network, model cache, a driver update).

How the cause is found: the process that failed first counts, not those that fell with it. Errors that a process
outlived, warnings, and code shown in tracebacks do not count. Where GPU memory is short, nvidia-smi is asked who holds
it; where a process was killed or a GPU failed, the kernel's log since the start is read.

`seen` tells by which text a class is known: of a run of that version, of a source, or of a vendor or reporter. This
page is made from the tables in `plugins/module_utils/_failures_*.py` by `tools/make_failures_doc.py`.
"""

SECTIONS: list[tuple[str, str, Iterable[Failure]]] = [
    ("Arguments", "What vLLM was told and does not take.", tables.ARGUMENTS),
    ("GPUs", "Memory, driver, fabric, hardware, kernels.", tables.GPU),
    ("Model", "The Hub, the cache, weights, vocabulary.", tables.MODEL),
    ("Host", "Disks, memory, permissions, processes, what the image lacks.", tables.HOST),
    ("Killed by the kernel", "Out of main memory, not of GPU memory.", tables.KERNEL),
    ("Without their cause", "They count only where nothing above fits.", tables.GENERAL),
    ("By the exit code", "Where the log says nothing.", tables.EXITS),
    ("Refused by the Docker Engine", "Nothing was started.", tables.ENGINE_FAILURES),
    (
        "Too slow, or hanging",
        "By the last line of the log; the class is `hangs_in_` and this name, or the stage's where none fits.",
        tables.HANGS,
    ),
    ("Running, but not as it should", "What the log of a server that runs says.", tables.CONCERNS),
]


def told(text: str) -> str:
    """Return a cause or remedy for reading: what is filled in becomes an ellipsis, what only repeats the log goes."""
    text = re.sub(r": \{line\}$", "", text)
    text = re.sub(r"(?:\{\w+\})+", "…", text.replace("{{", "\0").replace("}}", "\1"))
    return text.replace("\0", "{").replace("\1", "}").replace("|", r"\|").strip()


def table(rows: Iterable[Failure]) -> list[str]:
    """Return a section's table, one line a class; of a class with several rows the first speaks."""
    classes: dict[str, Failure] = {}
    for row in rows:
        classes.setdefault(row.name, row)
    lines = ["| class | cause | remedy | seen |", "| --- | --- | --- | --- |"]
    return lines + [
        f"| `{name}` | {told(row.cause)} | {told(row.remedy)} | {told(row.seen)} |" for name, row in classes.items()
    ]


def page() -> str:
    """Return the whole page."""
    parts = [HEAD.rstrip()]
    for title, what, rows in SECTIONS:
        parts += ["", f"## {title}", "", what, "", *table(rows)]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write the page, or check it."""
    current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if "--check" in sys.argv[1:]:
        return int(current != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
