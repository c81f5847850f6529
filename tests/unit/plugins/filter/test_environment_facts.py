from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.filter.environment_facts import environment_facts

ITEM = "s"


@pytest.mark.parametrize(
    ("result", "fact"),
    [
        (
            {"item": ITEM, "environment": {"name": "s", "collected": True}, "text": "t"},
            {"name": "s", "collected": True, "text": "t", "problem": "", "unreachable": False},
        ),
        (
            {"item": ITEM, "msg": "no image"},
            {"name": "s", "collected": False, "text": "", "problem": "no image", "unreachable": False},
        ),
        (
            {"item": ITEM, "msg": "timed out", "unreachable": True},
            {
                "name": "s",
                "collected": False,
                "text": "",
                "problem": "the host cannot be reached: timed out",
                "unreachable": True,
            },
        ),
        (
            {"item": ITEM},
            {"name": "s", "collected": False, "text": "", "problem": "the module told nothing", "unreachable": False},
        ),
    ],
)
def test_rows(result: dict[str, Any], fact: dict[str, Any]) -> None:
    assert environment_facts([result]) == {"s": fact}
