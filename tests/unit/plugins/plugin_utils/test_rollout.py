"""Plan, waves, outcome, table and quarantine of a rollout."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _quarantine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_outcome import rollout_outcome, wave_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_plan import Seen, Wishes, rollout_plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_table import outcome_table, plan_table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._rollout_waves import WavesError, waves_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_plan import host_state, server_plans


@pytest.mark.parametrize(
    ("count", "sizes", "wanted"),
    [
        (6, [1, 2, "100%"], [1, 2, 3]),
        (6, [1], [1] * 6),
        (3, [1, 2, 3], [1, 2]),
        (10, ["10%", "25%"], [1, 2, 2, 2, 2, 1]),
        (3, ["10%"], [1, 1, 1]),
        (0, [1], []),
    ],
)
def test_waves_are_counted_as_ansible_counts_them(count: int, sizes: list[Any], wanted: list[int]) -> None:
    hosts = [f"h{number}" for number in range(count)]
    waves = waves_of(hosts, sizes)
    assert [len(wave) for wave in waves] == wanted
    assert [host for wave in waves for host in wave] == hosts


@pytest.mark.parametrize("sizes", [[], [0], ["0%"], ["ten"], ["-1"], [1, ""]])
def test_waves_that_cannot_be_counted_are_refused(sizes: list[Any]) -> None:
    with pytest.raises(WavesError, match="rollout_waves"):
        waves_of(["a"], sizes)


def compared(
    image: str = "i:2", drift: tuple[str, ...] = (), state: str = "running", before: str = "i:1"
) -> dict[str, Any]:
    row = {"item": "s", "actions": ["create"] if drift else [], "drift": list(drift)}
    return {**row, "diff": {"before": {"image": before, "state": state}, "after": {"image": image}}}


def absent() -> dict[str, Any]:
    return {
        "item": "s",
        "actions": ["create"],
        "drift": [],
        "diff": {"before": {"state": "absent"}, "after": {"image": "i:2"}},
    }


PASSED = {"item": "s", "actions": []}
NOT_PASSED = {"item": "s", "actions": ["accept"]}
REFUSED = {"item": "s", "msg": "expected it to run as described"}


@pytest.mark.parametrize(
    ("found", "accepted", "state"),
    [
        (compared(before="i:2"), PASSED, "done"),
        (compared(before="i:2"), NOT_PASSED, "prove"),
        (compared(drift=("image_id",)), REFUSED, "swap"),
        (compared(state="exited"), REFUSED, "start"),
        (absent(), REFUSED, "start"),
        ({"item": "s", "msg": "no image"}, REFUSED, "unfit"),
        (None, None, "start"),
    ],
)
def test_what_a_server_needs(found: Any, accepted: Any, state: str) -> None:
    (plan,) = server_plans({"s": "i:2"}, [found] if found else [], [accepted] if accepted else [], [], [])
    assert plan["state"] == state
    assert plan["problem"] == ("no image" if state == "unfit" else "")


def test_what_has_to_be_fetched_and_changed_is_told() -> None:
    models = [{"item": {"repo_id": "o/m", "servers": ["s"]}, "problem": "not there", "verified": False}]
    images = [{"image": "i:2", "present": False}]
    (plan,) = server_plans({"s": "i:2"}, [compared(drift=("image_id", "arguments"))], [REFUSED], images, models)
    assert (plan["now"], plan["wanted"]) == ("i:1", "i:2")
    assert (plan["changes"], plan["fetch"]) == (["image_id", "arguments"], ["image", "o/m"])


def test_a_host_needs_what_its_servers_need_most() -> None:
    assert host_state([{"state": "done"}, {"state": "swap"}, {"state": "prove"}]) == "swap"
    assert host_state([]) == "unfit"


def server(state: str, problem: str = "") -> dict[str, Any]:
    row = {"name": "s", "state": state, "now": "i:1", "wanted": "i:2", "changes": ["image_id"], "fetch": []}
    return {**row, "problem": problem}


def plan_of(states: dict[str, str], **wishes: Any) -> dict[str, Any]:
    seen = {host: Seen(None if state == "away" else [server(state)]) for host, state in states.items()}
    return rollout_plan(seen, Wishes(**{"waves": [1, 2, "100%"], **wishes}))


KEPT = {"n6": {"reason": "bad scores", "time": "t", "retest": "r"}}
SIX = {f"n{number}": "swap" for number in range(1, 7)}


def test_who_takes_part_and_who_does_not() -> None:
    plan = plan_of({**SIX, "n1": "done", "n2": "away", "n3": "unfit"}, quarantine=KEPT)
    assert plan["waves"] == [["n4"], ["n5"]]
    assert (
        plan["sentence"] == "2 of 6 hosts in 2 waves (1+1). done already: n1. unfit: n3. in quarantine: n6. away: n2."
    )
    assert "bad scores" in {row["host"]: row["reason"] for row in plan["hosts"]}["n6"]
    assert plan_of({"n1": "done"})["sentence"] == "Nothing to roll out. done already: n1."


@pytest.mark.parametrize(
    ("retest", "waves"), [(True, [["n1"], ["n6"]]), (["n6"], [["n1"], ["n6"]]), (["n1"], [["n1"]])]
)
def test_the_quarantine_takes_part_when_asked(retest: Any, waves: list[list[str]]) -> None:
    assert plan_of({"n1": "swap", "n6": "swap"}, quarantine=KEPT, retest=retest)["waves"] == waves


def test_a_host_of_the_quarantine_is_proven_though_it_looks_done() -> None:
    plan = plan_of({"n6": "done"}, quarantine=KEPT, retest=True)
    assert plan["waves"] == [["n6"]] and plan["hosts"][0]["state"] == "prove"


def test_canaries_come_first() -> None:
    assert plan_of(SIX, canaries=["n4", "nobody"])["waves"] == [["n4"], ["n1", "n2"], ["n3", "n5", "n6"]]


def test_a_host_that_could_not_fetch_takes_no_part() -> None:
    plan = rollout_plan({"a": Seen(None, "disk full"), "b": Seen([server("swap")])}, Wishes([1]))
    assert plan["waves"] == [["b"]] and plan["hosts"][0]["state"] == "unfit"
    outcome = rollout_outcome(plan, {}, 0, 0)
    assert outcome["stopped"].startswith("1 host failed (a)") and "before the first wave" in outcome["sentence"]
    assert rollout_outcome(plan, {}, 0, 1)["stopped"] == ""


GOOD = {"outcome": "accepted", "reason": ""}
BAD = {"outcome": "rolled_back", "reason": "smoke_eval: BAD."}


@pytest.mark.parametrize(
    ("told", "wave", "budget", "stopped"),
    [
        ({"n1": GOOD}, 1, 0, ""),
        ({"n1": GOOD, "n2": GOOD, "n3": BAD}, 2, 0, "1 host failed (n3), and rollout_max_failures is 0"),
        ({"n1": GOOD, "n2": GOOD, "n3": BAD}, 2, 1, ""),
        ({"n1": GOOD, "n2": GOOD}, 2, 0, "1 host failed (n3)"),
        ({"n1": BAD}, 1, 5, "no host of the wave passed (n1)"),
    ],
)
def test_when_a_rollout_stops(told: dict[str, Any], wave: int, budget: int, stopped: str) -> None:
    done = rollout_outcome(plan_of(SIX), told, wave, budget)
    assert done["stopped"].startswith(stopped) and bool(done["stopped"]) == bool(stopped)


def test_the_outcome_goes_on_from_wave_to_wave() -> None:
    first = rollout_outcome(plan_of(SIX), {"n1": GOOD}, 1, 0)
    assert first["sentence"] == "Wave 1 of 3 passed: 1 of 6 hosts accepted, 0 failed."
    told = {"n1": GOOD, "n2": GOOD, "n3": BAD}
    second = rollout_outcome(first, told, wave_of(first, ["n2", "n3"]), 0)
    assert second["failed"] == ["n3"]
    assert second["sentence"].startswith("The rollout stopped after wave 2 of 3: 1 host failed (n3)")
    assert second["sentence"].endswith("Not touched: n4, n5 and n6.")
    last = rollout_outcome(plan_of(SIX), dict.fromkeys(SIX, GOOD), 3, 0)
    assert last["sentence"] == "The rollout is finished: 6 of 6 hosts accepted, 0 failed."


def test_the_tables_fit_and_hold_what_matters() -> None:
    plan = plan_of({**SIX, "n6": "done"}, quarantine={"n5": KEPT["n6"]})
    table = plan_table(plan)
    assert [line.split()[:2] for line in table[2:]] == [
        ["1", "n1"], ["2", "n2"], ["2", "n3"], ["3", "n4"], ["-", "n5"],
    ]  # fmt: skip
    long = {"outcome": "rolled_back", "reason": "a reason that is long enough to be wrapped, word by word. " * 4}
    lines = outcome_table(rollout_outcome(plan, {"n1": GOOD, "n2": GOOD, "n3": long}, 2, 0))
    assert max(map(len, [*table, *lines])) <= 120
    assert "serves again what was accepted before" in " ".join(" ".join(lines).split())
    assert any("not begun" in line for line in lines)


def test_the_quarantine_is_read_as_it_was_written() -> None:
    entries = _quarantine.updated({}, {"b": KEPT["n6"], "a": {"reason": "x: y", "time": "t", "retest": "'"}}, [])
    text = _quarantine.dump(entries)
    assert _quarantine.load(text, "q.yml") == entries and list(entries) == ["a", "b"]
    assert _quarantine.load(_quarantine.dump(_quarantine.updated(entries, {}, ["a", "b"])), "q.yml") == {}
    assert _quarantine.load(None, "q.yml") == {} == _quarantine.load("---\n", "q.yml")


@pytest.mark.parametrize("text", ["[1]", "all: {hosts: {a: }}", "a: [", "gpt_oss_quarantine: 1"])
def test_another_file_is_not_taken_for_a_quarantine(text: str) -> None:
    with pytest.raises(_quarantine.QuarantineError, match="q.yml"):
        _quarantine.load(text, "q.yml")


def test_the_command_of_a_retest_can_be_pasted() -> None:
    command = _quarantine.retest_command("n6", ["/my inventory", "/q.yml"], "/q.yml", ["smoke_eval", "/its gate.yml"])
    *start, wishes = shlex.split(command)
    assert start == ["ansible-playbook", "gpt_oss.fleet.rollout", "-i", "/my inventory", "-i", "/q.yml", "-e"]
    assert json.loads(wishes) == {
        "rollout_retest": ["n6"],
        "rollout_quarantine_path": "/q.yml",
        "rollout_gate": ["smoke_eval", "/its gate.yml"],
    }
    assert "rollout_gate" not in _quarantine.retest_command("n6", [], "/q.yml")
