"""What the documentation names is there: links, headings, plugins, targets, files, variables, usable YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._host_gpus import host_gpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._quarantine import load as quarantine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import resolve
from doc_names import known_words, make_targets, playbooks, plugins, role_variables
from doc_pages import ROOT, anchors, blocks, first_word, headings, is_shell, links, pages, spans
from doc_rules import data

PAGES = pages()
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
# The folders of the project; a path in the text that begins with one is to be there.
_FOLDERS = "docs|inventories|molecule|playbooks|plugins|roles|tests|tools|changelogs"
_PATH = re.compile(rf"(?:{_FOLDERS})/[\w./*-]+")
_VARIABLE = re.compile(
    r"(?:vllm|hf_cache|evaluate|preflight|docker|nvidia_driver|nvidia_container_toolkit|bundle|rollout|smoke_eval"
    r"|support_bundle|eval_status|gpt_oss|collect_env)_\w+"
)
# What a message or example has in place of a name, and a module's option that begins as variables do.
_NO_NAMES = {"docs/failures/CLASS.md", "plugins/module_utils/_task_NAME.py"}


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def targets(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield a page's links into the project: line, path, anchor."""
    for line, target in links(text_of(path)):
        if not re.match(r"[a-z]+:", target):
            name, _hash, anchor = target.partition("#")
            yield line, name, anchor


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    wrong = []
    for line, name, anchor in targets(path):
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            wrong.append(f"{line}: {name} is not there")
        elif anchor and anchor not in anchors(text_of(target)):
            wrong.append(f"{line}: {name or path.name} has no heading #{anchor}")
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_headings_are_nested(path: Path) -> None:
    levels = [level for level, _text in headings(text_of(path))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))


def test_each_page_can_be_reached_from_the_index() -> None:
    reached, ahead = set(), {ROOT / "docs" / "README.md"}
    while ahead:
        path = ahead.pop()
        reached.add(path)
        found = {(path.parent / name).resolve() for _line, name, _anchor in targets(path) if name.endswith(".md")}
        ahead |= {page for page in found if page in PAGES} - reached
    assert sorted(str(path.relative_to(ROOT)) for path in {*PAGES} - reached - {ROOT / "README.md"}) == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_plugins_and_playbooks_are_there(path: Path) -> None:
    named = set(re.findall(r"gpt_oss\.fleet\.(\w+)", text_of(path)))
    # A label of containers; the package of the plugins.
    assert sorted(named - plugins() - playbooks() - {"revision", "plugins"}) == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_files_and_targets_are_there(path: Path) -> None:
    wrong = []
    for line, span in spans(text_of(path)):
        for name in _PATH.findall(span):
            placed = span.startswith(name) or f" {name}" in span
            if placed and name not in _NO_NAMES and not any(ROOT.glob(name.rstrip("/."))):
                wrong.append(f"{line}: {name}")
        target = re.fullmatch(r"make ([\w-]+).*", span)
        if target and target[1] not in make_targets():
            wrong.append(f"{line}: make {target[1]}")
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_variables_are_there(path: Path) -> None:
    found = {name for _line, span in spans(text_of(path)) for name in re.findall(r"^(\w+)(?::.*)?$", span)}
    assert sorted(name for name in found if _VARIABLE.fullmatch(name) and name not in known_words()) == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_blocks_say_what_they_are(path: Path) -> None:
    """A block without a language is one of commands, or its first word is known to begin an output."""
    known, programs = data()["outputs"], data()["programs"]
    plain = [block for block in blocks(text_of(path)) if not block.language and not is_shell(block, programs)]
    assert [f"{block.line}: {first_word(block)}" for block in plain if first_word(block) not in known] == []


def yaml_blocks() -> list[tuple[str, Any]]:
    return [
        (f"{name}:{block.line}", block.text)
        for path, name in zip(PAGES, NAMES, strict=True)
        for block in blocks(text_of(path))
        if block.language == "yaml"
    ]


def under(value: Any, key: str) -> Iterator[Any]:
    """Yield what stands under a key, wherever in the value."""
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else [])
    ):
        if name == key:
            yield inner
        yield from under(inner, key)


@pytest.mark.parametrize(("place", "text"), yaml_blocks(), ids=[place for place, _text in yaml_blocks()])
def test_yaml_is_yaml_and_its_variables_are_there(place: str, text: str) -> None:
    example = yaml.safe_load(text)
    # A block of variables is a mapping whose keys are all names; plays and inventories are lists or have other keys.
    if isinstance(example, dict) and "gpt_oss_quarantine" in example:
        assert quarantine(text, place)
    elif isinstance(example, dict) and "all" not in example:
        assert sorted(set(example) - role_variables() - {"model"}) == [], "a variable of no role"


@pytest.mark.parametrize(("place", "text"), yaml_blocks(), ids=[place for place, _text in yaml_blocks()])
def test_servers_of_examples_can_be_deployed(place: str, text: str) -> None:
    example = yaml.safe_load(text)
    recipes = yaml.safe_load(text_of(ROOT / "roles/vllm/vars/main/recipes.yml"))
    keys = {key.removeprefix("vllm_"): value for key, value in recipes.items()}
    keys["models"] = {
        **keys["models"],
        **{k: v for extra in under(example, "vllm_extra_models") for k, v in extra.items()},
    }
    catalogue = Catalogue(**keys)
    gpus = host_gpus({"devices": [{"index": n, "name": "NVIDIA B200"} for n in range(8)]}, catalogue.gpu_families, 8)
    for entries in under(example, "vllm_servers"):
        assert resolve(entries, catalogue, Site(hf_home="/hf", gpus=gpus)), place
