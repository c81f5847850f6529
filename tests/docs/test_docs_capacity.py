"""The tables of docs/capacity.md that follow from a formula, computed again from their own inputs."""

from __future__ import annotations

import re

from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import GUESSED_TOKENS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import TASKS
from doc_pages import ROOT

PAGE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
EFFORTS = ("low", "medium", "high")


def table(after: str) -> list[dict[str, str]]:
    """Return the rows of the first table after a text, by their headings."""
    rows = re.search(r"(?:^\|.*\n)+", PAGE[PAGE.index(after) :], re.MULTILINE)
    assert rows
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[0].strip().split("\n")]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_the_evals_minutes() -> None:
    rates = {row["server"]: row for row in table("Tokens a second by concurrency")}
    for row in table("With them, in minutes"):
        rate = number(rates[row["server"]][row["concurrency"]])
        minutes = {
            f"{TASKS[task].title} {effort}": TASKS[task].n_questions * 8 * GUESSED_TOKENS[effort] / rate / 60
            for task in ("gpqa", "aime25")
            for effort in EFFORTS
        }
        for name, value in {**minutes, "all six": sum(minutes.values())}.items():
            assert row[name] == f"{value:.0f}", (row, name)


def test_the_models_seconds() -> None:
    sizes = {row["what"]: number(row["size"].removesuffix(" GB")) for row in table("## Disk on a host")[:2]}
    for row in table("for a fleet 1.9 times that"):
        for name in [name for name in row if name.endswith("Gbit/s")]:
            assert row[name] == f"{8 * sizes[row['model']] / number(name.split()[0]):.0f} s", (row, name)


def test_the_rates_are_those_that_were_measured() -> None:
    measured = (ROOT / "docs" / "real_gpus.md").read_text(encoding="utf-8")
    for row in table("Tokens a second by concurrency"):
        assert f"| {row['server']} | {row['1']} | {row['32']} | {row['128']} |" in measured
