from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._secret_options import with_hidden, without_hidden

TOKEN, PROXY = "hf_1234567", "http://me:word@proxy:3128"
CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"name": "s"}, {"name": "s"}, {"name": "s"}),
    ({"environment": None}, {"environment": None}, {"environment": None}),
    # A template that was not resolved yet, as in async tasks, is no dictionary.
    ({"environment": "{{ x }}"}, {"environment": "{{ x }}"}, {"environment": "{{ x }}"}),
    ({"environment": {"A": "1"}}, {"environment": {"A": "1"}}, {"environment": {"A": "1"}}),
    (
        {"environment": {"A": "1", "HF_TOKEN": TOKEN, "HTTPS_PROXY": PROXY}},
        {"environment": {"A": "1"}, "secret_environment": {"HF_TOKEN": TOKEN, "HTTPS_PROXY": PROXY}},
        {"environment": {"A": "1"}},
    ),
    (
        {"environment": {"HF_TOKEN": TOKEN}, "secret_environment": {"B": "2", "HF_TOKEN": "wins"}},
        {"environment": {}, "secret_environment": {"HF_TOKEN": "wins", "B": "2"}},
        {"environment": {}, "secret_environment": {"B": "2", "HF_TOKEN": "wins"}},
    ),
]


@pytest.mark.parametrize(("given", "hidden", "left_out"), CASES)
def test_what_the_module_is_told(given: dict[str, Any], hidden: dict[str, Any], left_out: dict[str, Any]) -> None:
    assert with_hidden(given) == hidden
    assert without_hidden(given) == left_out
