"""Which plays may run with any strategy: those that reach nothing which is done once for all hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# All others say `strategy: linear`, as they judge or compare all hosts, or hosts share in them.
ANY_STRATEGY = {
    ("collect_env", "Collect each host's environment"),
    ("eval_status", "Look at the evals of each host"),
    ("fingerprint", "Take the servers' fingerprints"),
    ("prepare", "Prepare the hosts"),
    ("prune_models", "Prune the caches"),
    ("status", "Look at each host's servers"),
    ("support_bundle", "Collect what each host can tell"),
    ("teardown", "Remove what was deployed"),
}
PLAYBOOKS = ROOT / "playbooks"
INCLUDES = ("include_tasks", "import_tasks")
ROLES = ("include_role", "import_role")


def plays() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each play over the fleet with its playbook's name."""
    for path in sorted(PLAYBOOKS.glob("*.yml")):
        for play in yaml.safe_load(path.read_text(encoding="utf-8")):
            if play.get("hosts", "localhost") != "localhost":
                yield path.stem, play


PLAYS = [pytest.param(book, play, id=f"{book}: {play['name']}") for book, play in plays()]


def dictionaries(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from dictionaries(child)


def role_files(name: str, entry: str, loop: Any = None) -> list[Path]:
    """Return a role's task file; where a variable says which, those of the loop or all of them."""
    folder = ROOT / "roles" / name.rpartition(".")[2] / "tasks"
    if "{{" not in entry:
        return [folder / f"{entry.removesuffix('.yml')}.yml"]
    return [folder / f"{each}.yml" for each in loop] if isinstance(loop, list) else sorted(folder.glob("*.yml"))


def named(task: dict[str, Any], folder: Path) -> Iterator[Path]:
    """Yield the task files that a task includes."""
    for action in ROLES:
        if asked := task.get(f"ansible.builtin.{action}"):
            yield from role_files(asked["name"], asked.get("tasks_from", "main"), task.get("loop"))
    for action in INCLUDES:
        if asked := task.get(f"ansible.builtin.{action}"):
            name = asked["file"] if isinstance(asked, dict) else asked
            # Beside the file that includes, or else from the playbook on.
            beside = folder / name
            yield from folder.glob("*.yml") if "{{" in name else [beside if beside.exists() else PLAYBOOKS / name]


def reached(play: dict[str, Any]) -> set[Path]:
    """Return all task files that a play can run."""
    waiting = [path for role in play.get("roles", []) for path in role_files(role["role"], "main")]
    waiting += [path for task in dictionaries(play) for path in named(task, PLAYBOOKS)]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
            waiting += [each for task in dictionaries(tasks) for each in named(task, path.parent)]
    return found


def once_for_all(play: dict[str, Any]) -> list[str]:
    """Return where a play does something once for all hosts, or asks about those of the play."""
    found = [str(task["name"]) for task in dictionaries(play) if "run_once" in task]
    for path in sorted(reached(play)):
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in ("run_once", "ansible_play_") if word in text]
    return found


@pytest.mark.parametrize(("book", "play"), PLAYS)
def test_a_play_that_does_anything_for_all_hosts_is_linear(book: str, play: dict[str, Any]) -> None:
    if (book, play["name"]) in ANY_STRATEGY:
        assert "strategy" not in play
        assert once_for_all(play) == []
    else:
        assert play.get("strategy") == "linear"


@pytest.mark.parametrize(
    ("book", "name", "where"),
    [
        ("status", "Show the fleet", "Show how it is"),
        ("evaluate", "Evaluate each server", "roles/evaluate/tasks/probe.yml: ansible_play_"),
        ("evaluate", "Judge the fleet", "roles/evaluate/tasks/report.yml: run_once"),
        ("models", "Bring the models", "roles/hf_cache/tasks/peers_bring.yml: run_once"),
        ("rollout", "Change wave by wave", "playbooks/tasks/rollout_wave.yml: run_once"),
        ("serve", "Serve gpt-oss", "roles/vllm/tasks/smoke.yml: run_once"),
    ],
)
def test_what_is_done_for_all_hosts_is_found(book: str, name: str, where: str) -> None:
    (play,) = (play for each, play in plays() if (each, play["name"]) == (book, name))
    assert where in once_for_all(play)
