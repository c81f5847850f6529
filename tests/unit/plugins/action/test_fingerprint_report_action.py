from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.gpt_oss.fleet.plugins.action.fingerprint_report import ARGUMENT_SPEC, ActionModule
from ansible_collections.gpt_oss.fleet.plugins.modules.fingerprint_report import DOCUMENTATION, RETURN

PROMPTS = {"version": 1, "digest": "d", "names": ["a"]}


def row(shift: float) -> dict[str, Any]:
    generated = {"tokens": [1], "logprobs": [-1.0 + shift]}
    reply = {"name": "a", "kind": "code", "n_tokens": 3, "tokens": "t", "generated": generated}
    reply |= {"logprobs": [-1.0 + shift, -2.0 + shift], "top": [1, 2]}
    return {"server": "s", "model": "m", "prompts": PROMPTS, "replies": [reply], "seconds": 1.0}


HOSTVARS = {
    "a": {"gpt_oss_fingerprints": [row(0.0)]},
    "b": {"gpt_oss_fingerprints": [row(0.0)]},
    "c": {"gpt_oss_fingerprints": [row(0.0)]},
    "off": {"gpt_oss_fingerprints": [row(0.5)]},
    "lost": {},
}


def run(check: bool = False, **arguments: Any) -> dict[str, Any]:
    task = MagicMock(
        args=arguments, check_mode=check, diff=True, async_val=0, no_log=False, action="fingerprint_report"
    )
    action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return action.run(task_vars={"hostvars": HOSTVARS, "ansible_play_hosts_all": list(HOSTVARS)})


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {host["host"]: host["verdict"] for host in result["hosts"]}


def test_the_documentation_says_what_the_plugin_takes_and_returns() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    named = {name: {k: v for k, v in option.items() if k != "description"} for name, option in documented.items()}
    assert named == ARGUMENT_SPEC
    assert set(yaml.safe_load(RETURN)) == set(run()) - {"changed"}


def test_all_hosts_of_the_play_are_judged_by_each_other() -> None:
    found = run()
    assert verdicts(found) == {"a": "good", "b": "good", "c": "good", "off": "bad", "lost": "missing"}
    assert (found["accepted"], found["changed"]) == (False, False)


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        ({"hosts": ["a"], "against": ["b", "c"]}, True),
        ({"hosts": ["off"], "against": ["b", "c"]}, False),
        ({"hosts": ["off"], "against": ["b", "c"], "tolerance": 0.6}, True),
        ({"hosts": ["off"], "against": ["off"]}, True),
        ({"hosts": ["off"], "against": ["off"], "fail_on": ["unjudged"]}, False),
        ({"hosts": ["lost"], "against": ["b", "c"]}, False),
    ],
)
def test_hosts_are_judged_by_others(arguments: dict[str, Any], accepted: bool) -> None:
    assert run(**arguments)["accepted"] is accepted


def test_a_baseline_is_kept_once_and_judges_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "fingerprints.json"
    keep: dict[str, Any] = {"hosts": ["a", "b"], "baseline": str(path), "accept": True}
    assert run(check=True, **keep)["changed"] and not path.exists()
    assert run(**keep)["changed"] and not run(**keep)["changed"]
    assert verdicts(run(hosts=["off"], baseline=str(path))) == {"off": "bad"}
    with pytest.raises(AnsibleActionFail, match="remove that file first"):
        run(**{**keep, "hosts": ["off"]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"accept": True}, "baseline names no file"),
        ({"baseline": "/nowhere/f.json"}, "could not read it"),
        ({"hosts": []}, ""),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], words: str) -> None:
    if words:
        with pytest.raises(AnsibleActionFail, match=words):
            run(**arguments)
    else:
        assert len(run(**arguments)["hosts"]) == len(HOSTVARS)
