# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment keys - an environment as a flat table of texts that can be compared between hosts.

What is left out, rounded or rewritten, and how keys are called, is data: data/environment.yml.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import yaml

DATA_FILE = FilePath(__file__).with_name("data") / "environment.yml"

# The steps to a value, the first is host, gpu or server. Steps hold dots: names of packages, paths.
Path = tuple[str, ...]
# Values as text; None: there is none.
Table = dict[Path, str | None]


@cache
def load_data(path: FilePath = DATA_FILE) -> dict[str, Any]:
    """Return the data file."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def fact_table(part: str, fact: Mapping[str, Any]) -> Table:
    """Return the comparable values of the fact gpt_oss_host or gpt_oss_gpu."""
    return _kept(_flat((part,), fact))


def server_table(environment: Mapping[str, Any]) -> Table:
    """Return the comparable values of one server's environment."""
    lists = {"packages", "topology"}
    rest = {key: value for key, value in environment.items() if key not in lists}
    packages = (
        (("server", "packages", row["manager"], row["name"]), row["version"]) for row in environment["packages"]
    )
    links = ((("server", "links", row["device"]), _links(row)) for row in environment["topology"])
    return _kept([*_flat(("server",), rest), *packages, *links])


def title_of(path: Path) -> tuple[int, str]:
    """Return how much a key matters (less is more) and how it is called."""
    titles = load_data()["titles"]
    for rank, row in enumerate(titles):
        if fnmatchcase(dotted(path), row["key"]):
            return rank, row["title"].replace("{}", " ".join(_own_steps(path, row["key"])))
    return len(titles), " ".join(step.replace("_", " ") for step in path[-2:])


def dotted(path: Path) -> str:
    """Return a key as it is written."""
    return ".".join(path)


def _own_steps(path: Path, pattern: str) -> Path:
    return path[pattern.count(".") :] or path[-1:]


def _kept(entries: Iterator[tuple[Path, Any]] | Sequence[tuple[Path, Any]]) -> Table:
    return {path: _text(path, value) for path, value in entries if not _ignored(dotted(path))}


@cache
def _ignored(key: str) -> bool:
    return any(fnmatchcase(key, pattern) for row in load_data()["ignored"] for pattern in row["keys"])


def _text(path: Path, value: Any) -> str | None:
    if isinstance(value, list):
        return _summary([_text(path, item) or "-" for item in value])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (unit := _unit(dotted(path))):
        return f"about {_rounded(value, unit)}"
    if value is None or value == "":
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for row in load_data()["rewritten"]:
        text = re.sub(row["pattern"], row["replacement"], text)
    return text


@cache
def _unit(key: str) -> int:
    units = (row["unit"] for row in load_data()["rounded"] if any(fnmatchcase(key, one) for one in row["keys"]))
    return next(units, 0)


def _rounded(value: float, unit: int) -> str:
    number = round(value / unit) * unit
    return f"{number / 1024**3:g} GiB" if unit >= 1024**3 else f"{number:g}"


def _summary(texts: Sequence[str]) -> str | None:
    """Return a list as one text: "8 x NVIDIA B200", "7 x ok, failed"."""
    return ", ".join(f"{count} x {text}" if count > 1 else text for text, count in Counter(texts).items()) or None


def _links(row: Mapping[str, Any]) -> str:
    kinds = Counter(f"{re.sub(r'[0-9]+$', '', other)} {link}" for other, link in row["links"].items())
    affinity = f"CPUs {row['cpu_affinity']}, NUMA node {row['numa_affinity']}" if row["cpu_affinity"] else ""
    return ", ".join([*(f"{count} x {kind}" for kind, count in sorted(kinds.items())), *filter(None, [affinity])])


def _flat(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Yield each value with its path. A list of dictionaries gives a list of values for each of their keys."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat((*path, str(key)), item)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        columns = [dict(_flat(path, item)) for item in value]
        for key in dict.fromkeys(key for column in columns for key in column):
            yield key, [_joined(column.get(key)) for column in columns]
    else:
        yield path, value


def _joined(value: Any) -> Any:
    return ("+".join(map(str, value)) or None) if isinstance(value, list) else value
