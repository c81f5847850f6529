# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make docs/recipes.md from the data of the role vllm: what is emitted for which vLLM, and which log lines prove it.

    python tools/make_recipes_doc.py            write docs/recipes.md
    python tools/make_recipes_doc.py --check    say whether the committed page is up to date (exit code 1 when not)

The cells are what the filter resolve_servers makes of an entry, so the page cannot say but what the role does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

# The path above is where they are found.
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import host_gpus  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import resolve  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version  # noqa: E402

DATA = ROOT / "roles" / "vllm" / "vars" / "main" / "recipes.yml"
PAGE = ROOT / "docs" / "recipes.md"
MODES = ("bf16", "mxfp8")
# The GPUs of the page's first table, and how many a host has.
B200 = "NVIDIA B200"
GPUS = 8
# What every command line begins with: the model, --host and --port with their values.
_HEAD = 5
_ORIGINAL = "0.10.1+gptoss"

INTRODUCTION = """\
# Recipes

Made by `tools/make_recipes_doc.py` from [recipes.yml](../roles/vllm/vars/main/recipes.yml), the data that the role
[vllm](../roles/vllm/README.md) uses. `make sources` compares the data with the sources of published vLLM wheels, from
0.10.1.1 to 0.32.0: variables and flags exist where they are emitted, what is called dead is dead, and the log lines are
in the sources of those versions. None of it has been run on a B200.

The version is the one in the image: it is read from there, and must not contradict the image's tag or `vllm_version`.

## What is emitted, and which log line proves it on a B200

Besides the model, `--host` and `--port`. Asynchronous scheduling is on by itself from 0.14.0, bf16 activations are the
default of each release. `2025-08` is the original recipe, to the letter, for its own image.
"""
PROOFS = """
After the start the log is compared with the lines above; `*` stands for anything. A line that contradicts, from any
worker, fails the run; where neither is found the proof is `unknown`, with a warning.

"Exclusion": that version says nothing when it takes these kernels, but names all others that it could take. So
they are proven when the log holds the whole loading of the model (from `Starting to load model` to `Model loading
took`) and none of the lines that contradict.

What contradicts on a B200:
"""
OTHER_GPUS = """
On B300 and GB300 the same holds from 0.13.0; older versions do not use these kernels there, and are refused. On Hopper
(H100, H200, GH200) vLLM has no TRTLLM kernels, and takes Triton's, Marlin's or CUTLASS's, with bf16 activations. Each
is right there, and `moe_activation: mxfp8` is refused. On other GPUs, without GPUs, for other models, and where nobody
has looked at the host, nothing is demanded. An entry that chooses kernels itself gets them, and they are not compared:
"""
PROFILES = """
## Profiles

`profile` of an entry, by model and GPU. The entry's own options and arguments win, and so do those of `vllm_defaults`.
No profile changes `moe_activation`: no score of mxfp8 against bf16 on a B200 has been published, so whoever wants its
speed sets it, and proves it with the evals.

- `reference` is the default, and tunes nothing. Scores are compared with it.
- `throughput` is the benchmark setting of vLLM's recipe page for B200, with one GPU a server; `replicas: auto` fills
  the host with servers. Its KV cache in fp8 is a source of error of its own.
- `latency` spreads gpt-oss-120b over all GPUs of the server, for small batches.
"""
SPLIT = """
A tensor parallel size that the entry does not set is lowered to the GPUs that are there, where these are known.
"""


class Cell(NamedTuple):
    """What stands for one version and mode: what is emitted, and what proves experts and attention."""

    emitted: str
    experts: str
    attention: str


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the page is out of date")
    check = parser.parse_args().check
    text = page()
    if check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """Return the page."""
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    catalogue = Catalogue(**{key.removeprefix("vllm_"): value for key, value in data.items()})
    parts = [
        INTRODUCTION,
        *_table(("vLLM", "mode", "emitted", "experts proven by", "attention proven by"), _versions(catalogue)),
        PROOFS,
    ]
    parts += _table(("vLLM", "mode", "contradicted by"), _contradictions(catalogue))
    parts += [OTHER_GPUS, *_choices(catalogue.kernel_choices), PROFILES]
    parts += _table(("profile", "model", "GPUs", "emitted"), _profiles(catalogue))
    return "\n".join([*parts, SPLIT.rstrip()]) + "\n"


def _versions(catalogue: Catalogue) -> Iterator[Sequence[str]]:
    """Yield the rows of the first table: the original's, then the ranges of the current recipe."""
    for mode in MODES:
        cell = _cell(catalogue, mode, recipe="2025-08")
        yield "image `gptoss` (`2025-08`)", f"`{mode}`", *cell
    yield from _merged(catalogue, lambda version, mode: _cell(catalogue, mode, vllm_version=version))


def _contradictions(catalogue: Catalogue) -> Iterator[Sequence[str]]:
    def lines(version: str, mode: str) -> tuple[str]:
        row = _resolved(catalogue, mode, vllm_version=version)["kernel_proof"]
        texts = [text for subject in row["subjects"] for text in subject["contradicts"]]
        return (_lines(texts),)

    for mode in MODES:
        row = _resolved(catalogue, mode, recipe="2025-08")["kernel_proof"]
        texts = [text for subject in row["subjects"] for text in subject["contradicts"]]
        yield "image `gptoss` (`2025-08`)", f"`{mode}`", _lines(texts)
    yield from _merged(catalogue, lines)


def _merged(catalogue: Catalogue, cells: Any) -> Iterator[Sequence[str]]:
    """Yield a row for each range of versions and mode; neighbours that say the same are one."""
    borders = _borders(catalogue)
    ranges: list[list[Any]] = []
    for since, before in zip(borders, [*borders[1:], None]):
        found = [tuple(cells(since, mode)) for mode in MODES]
        if ranges and ranges[-1][2] == found:
            ranges[-1][1] = before
        else:
            ranges.append([since, before, found])
    for since, before, found in ranges:
        for mode, cell in zip(MODES, found):
            yield _range(since, before), f"`{mode}`", *cell


def _borders(catalogue: Catalogue) -> list[str]:
    """Return the versions from which something else is emitted or proves it, in order."""
    recipe = catalogue.recipes["current"]
    rows: list[Mapping[str, Any]] = [*recipe["ranges"], recipe["drain"], *catalogue.kernel_proofs]
    found = {str(row[key]) for row in rows for key in ("since", "before") if key in row}
    return sorted(found, key=_release)


def _release(text: str) -> tuple[int, ...]:
    version = Version.parse(text)
    assert version is not None, text
    return version.release


def _range(since: str, before: str | None) -> str:
    return f"{since} and newer" if before is None else f"{since} to before {before}"


def _resolved(catalogue: Catalogue, mode: str, gpu: str = B200, **options: Any) -> dict[str, Any]:
    facts = {"devices": [{"index": number, "name": gpu} for number in range(GPUS)]}
    site = Site(hf_home="/hf", gpus=host_gpus(facts, catalogue.gpu_families, GPUS))
    entry = {"name": "page", "model": next(iter(catalogue.models)), "moe_activation": mode, **options}
    return resolve([entry], catalogue, site)[0]


def _cell(catalogue: Catalogue, mode: str, **options: Any) -> Cell:
    described = _resolved(catalogue, mode, **options)
    proofs = {row["subject"]: _proof(row) for row in described["kernel_proof"]["subjects"]}
    return Cell(_emitted(described), proofs["moe"], proofs["attention"])


def _emitted(described: Mapping[str, Any]) -> str:
    words = [f"{name}={value}" for name, value in described["environment"].items()]
    line = described["arguments"]
    head = 6 if "--model" in line else _HEAD
    tail = " ".join(line[head:])
    return "<br>".join(f"`{text}`" for text in [*words, tail] if text) or "nothing"


def _proof(subject: Mapping[str, Any]) -> str:
    if subject["proves"]:
        return "<br>or ".join(f"`{line}`" for line in subject["proves"])
    return "exclusion" if subject["by_exclusion"] else "nothing known"


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts) or "nothing known"


def _choices(choices: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[str]:
    for subject, names in choices.items():
        title = {"moe": "the experts", "attention": "the attention"}[subject]
        listed = ", ".join(f"`{name}`" for name in [*names["arguments"], *names["environment"]])
        yield f"- {title}: {listed}"


def _profiles(catalogue: Catalogue) -> Iterator[Sequence[str]]:
    gpus = [(family["title"], f"NVIDIA {family['title'].split(',')[0]}") for family in catalogue.gpu_families.values()]
    for profile in catalogue.profiles:
        for model in catalogue.models:
            told: dict[str, list[str]] = {}
            for title, product in [*gpus, ("others", "")]:
                described = _resolved(catalogue, "bf16", product, model=model, profile=profile, drain_timeout=0)
                told.setdefault(_emitted(described), []).append(title)
            for emitted, titles in told.items():
                yield f"`{profile}`", model, "all" if len(told) == 1 else ", ".join(titles), emitted


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main())
