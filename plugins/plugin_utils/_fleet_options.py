# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: fleet options, what the actions that judge a fleet are told, and what they read of its hosts' variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, NamedTuple, TypeVar

from ansible.errors import AnsibleActionFail
from ansible.vars.hostvars import HostVars
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _text_files
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import unknown_tasks
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _waivers
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._cells import Wanted, tallies
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._judgements import Question
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._placement import replica_names
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._reference_file import load
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._references import (
    ReferenceError,
    check_references,
    load_references,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import WRONG, survived, unusable
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._verdicts import FROM_BEST_TO_WORST, Levels

Result = TypeVar("Result")
# Stands for a host's servers where its variables do not tell them.
_UNKNOWN = "-"
# Of a score row, what is reckoned with over all hosts.
_NUMBERS = ("score", "standard_error_within", "n_measured", "n_correct", "n_questions", "n_repeats", "through_repeat")

# Of fleet_scores and eval_look.
COMMON: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "servers": {"type": "dict"},
    "tasks": {"type": "list", "elements": "str", "default": ["gpqa", "aime25"]},
    "reasoning_efforts": {
        "type": "list",
        "elements": "str",
        "choices": ["low", "medium", "high"],
        "default": ["low", "medium", "high"],
    },
    "since": {"type": "float"},
    "sampler": {"type": "str", "choices": ["responses", "chat_completions"]},
    "n_repeats": {"type": "int"},
    "examples": {"type": "int"},
    "subset": {"type": "int"},
    "references": {"type": "list", "elements": "dict"},
    "reference_files": {"type": "list", "elements": "path", "default": []},
    "reference_data": {"type": "str", "choices": ["matching", "any"], "default": "matching"},
}
JUDGING: dict[str, dict[str, Any]] = {
    "alpha": {"type": "float", "default": 0.01},
    "false_discovery_rate": {"type": "float", "default": 0.05},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": [verdict for verdict in reversed(FROM_BEST_TO_WORST) if verdict != "good"],
        "default": ["bad", "void", "missing"],
    },
    "fail": {"type": "bool", "default": True},
    "slow_tolerance": {"type": "float", "default": 0.2},
    "slow_verdict": {"type": "str", "choices": ["suspect", "bad"], "default": "suspect"},
    "waivers": {"type": "list", "elements": "dict", "default": []},
    "sequential": {"type": "dict"},
}


def question_of(args: Mapping[str, Any], servers: Mapping[str, Sequence[str]]) -> Question:
    """Return what an action's arguments ask of a fleet. Raises AnsibleActionFail for what cannot be asked."""
    check_probabilities(args, ("alpha", "false_discovery_rate", "slow_tolerance"))
    unknown = unknown_tasks(args["tasks"])
    if unknown:
        raise AnsibleActionFail(f"tasks: {unknown}.")
    try:
        waivers = _waivers.parse(args.get("waivers") or [])
    except _waivers.WaiverError as exc:
        raise AnsibleActionFail("The waivers cannot be used.") from exc
    stopped = args.get("sequential") is not None
    return Question(
        servers=servers,
        tasks=args["tasks"],
        efforts=args["reasoning_efforts"],
        wanted=Wanted(args["since"], args["sampler"], args["n_repeats"], args["examples"], args["subset"], stopped),
        levels=Levels(args["alpha"], args.get("false_discovery_rate", Levels.false_discovery_rate)),
        references=_references(args),
        any_data=args["reference_data"] == "any",
        fail_on=args.get("fail_on", ()),
        waivers=waivers,
        today=today(),
    )


def check_probabilities(args: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise AnsibleActionFail where one of these arguments is no probability."""
    for name in names:
        if name in args and not 0 < args[name] < 1:
            raise AnsibleActionFail(f"{name} is {args[name]}: wanted a probability between 0 and 1, such as 0.01.")


def today() -> date:
    """Return the date (UTC)."""
    return datetime.now(timezone.utc).date()


def hosts_of(args: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[str]:
    """Return the hosts to judge: as given, else all of the play, those that failed too. Raises AnsibleActionFail."""
    hosts = args["hosts"] or plain(list(task_vars.get("ansible_play_hosts_all") or []))
    if not hosts:
        raise AnsibleActionFail("There is no host to judge: the play has none, and the parameter hosts names none.")
    unknown = [host for host in hosts if host not in task_vars["hostvars"]]
    if unknown:
        raise AnsibleActionFail(
            f"Wanted hosts of the inventory in the parameter hosts, found {', '.join(unknown)}. Correct the names, or "
            "the inventory."
        )
    return hosts


@dataclass(frozen=True)
class Gathered:
    """What the hosts' variables say, by host."""

    servers: dict[str, list[str]]  # the names of the servers that must have scores
    rows: dict[str, list[dict[str, Any]]]  # the fact gpt_oss_scores
    failures: dict[str, str]  # why a host's eval failed; empty where it did not
    fingerprints: dict[str, list[dict[str, Any]]]
    kernels: dict[str, list[dict[str, Any]]]


class Known(NamedTuple):
    """What one host's variables say; the fields are those of Gathered."""

    servers: list[str]
    rows: list[dict[str, Any]]
    failure: str
    fingerprints: list[dict[str, Any]]
    kernels: list[dict[str, Any]]


def judged_by(
    judge: Callable[[Gathered], Result], args: Mapping[str, Any], hosts: Iterable[str], hostvars: Mapping[str, Any]
) -> Result:
    """Return what is judged of the hosts; one whose facts are of no use has no scores, and that reason for it."""
    known = {host: _known(args, host, hostvars) for host in hosts}

    def judge_all(found: Mapping[str, Known]) -> Result:
        parts = zip(*found.values(), strict=True)
        return judge(Gathered(*(dict(zip(found, part, strict=True)) for part in parts)))

    def without(host: str, problem: str) -> Known:
        servers = known[host].servers
        return Known(servers if all(isinstance(name, str) for name in servers) else [_UNKNOWN], [], problem, [], [])

    return survived(judge_all, known, without)


def _known(args: Mapping[str, Any], host: str, hostvars: Mapping[str, Any]) -> Known:
    """Read a host's variables once: they are made anew, with a copy of all facts, whenever they are asked for."""
    view = hostvars[host]
    servers = [_UNKNOWN]
    try:
        servers = server_names(args["servers"], view, host)
        rows = score_rows(_facts(hostvars, host))
    except WRONG as exc:
        return Known(servers, [], unusable(exc), [], [])
    failure = plain(view.get("gpt_oss_evaluate_failure")) or ""
    fingerprints = plain(view.get("gpt_oss_fingerprints")) or []
    return Known(servers, rows, str(failure), fingerprints, plain(view.get("gpt_oss_kernels")) or [])


def score_rows(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the score rows in a host's facts. Outcomes are many, and nearly all alike: equal ones are kept once.

    Raises TypeError, among others, where they have another shape.
    """
    rows = [
        {str(key): tallies(plain(value)) if key == "outcomes" and value else plain(value) for key, value in row.items()}
        for row in facts.get("gpt_oss_scores") or []
    ]
    for row in rows:
        _refuse_texts(row)
    return rows


def _refuse_texts(row: Mapping[str, Any]) -> None:
    """Raise TypeError for a text in a number's place: alone it may pass, and beside other hosts' it fails theirs."""
    for name in _NUMBERS:
        if not isinstance(row.get(name), (int, float, type(None))):
            raise TypeError(name)


def server_names(servers: Mapping[str, Any] | None, variables: Mapping[str, Any], host: str) -> list[str]:
    """Return the names of the servers that must have scores: as given, else all of the host's vllm_servers.

    Where the role evaluate has told what it scores, or the role vllm has listed the servers, that is taken. A host that
    was never reached has none: there the replicas are counted by what their entries say.
    """
    if servers is not None:
        return [str(name) for name in servers.get(host) or []]
    scored = plain(variables.get("gpt_oss_evaluate_servers"))
    if scored is not None:
        return [str(name) for name in scored]
    listed = plain(variables.get("vllm_server_entries"))
    if listed is not None:
        return [str(server["name"]) for server in listed]
    return [name for server in plain(variables.get("vllm_servers")) or [] for name in replica_names(server)]


def _facts(hostvars: Mapping[str, Any], host: str) -> Mapping[str, Any]:
    """Return a host's facts, which are values, and need no templating."""
    variables = hostvars.raw_get(host) if isinstance(hostvars, HostVars) else hostvars[host]
    return variables.get("ansible_facts") or {}


def _references(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the references, those known by question first: of all that may judge a score the first one does."""
    references = load_references() if args["references"] is None else args["references"]
    try:
        check_references(references)
        return [row for path in args["reference_files"] for row in _of_file(path)] + references
    except ReferenceError as exc:
        raise AnsibleActionFail("The references cannot be used.") from exc


def _of_file(path: str) -> list[dict[str, Any]]:
    try:
        return load(_text_files.whole(path), path)
    except OSError as exc:
        raise AnsibleActionFail(
            f"Expected a file of gpt_oss.fleet.eval_baseline at {path}, could not read it. Correct reference_files."
        ) from exc
