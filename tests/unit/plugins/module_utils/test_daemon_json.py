from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_json
from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_json import DaemonJsonError
from hypothesis import given
from hypothesis import strategies as st

HAND_WRITTEN = """{
    "insecure-registries": ["registry.example.com:5000"],
    "log-opts": {"max-size": "5m"},
    "x-ours": {"deep": [1, 2]}
}
"""

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=5)


@pytest.mark.parametrize(
    ("there", "wish", "merged"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3, "z": 4}}, {"a": {"x": 1, "y": 3, "z": 4}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}),
        ({"a": "text"}, {"a": {"x": 1, "y": None}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_merge(there: dict[str, Any], wish: dict[str, Any], merged: dict[str, Any]) -> None:
    assert _daemon_json.merge(there, wish) == merged


@pytest.mark.parametrize(
    ("there", "defaults", "filled"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": False}, {"a": True}, {"a": False}),
        ({"a": {"x": 1}}, {"a": {"x": 2, "y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": "text"}, {"a": {"x": 2}}, {"a": "text"}),
        ({}, {"a": None}, {}),
    ],
)
def test_fill(there: dict[str, Any], defaults: dict[str, Any], filled: dict[str, Any]) -> None:
    assert _daemon_json.fill(there, defaults) == filled


@given(there=OBJECTS, wish=OBJECTS)
def test_merge_is_idempotent(there: dict[str, Any], wish: dict[str, Any]) -> None:
    once = _daemon_json.merge(there, wish)
    assert _daemon_json.same(_daemon_json.merge(once, wish), once)


@given(there=OBJECTS, wish=OBJECTS)
def test_merge_keeps_what_is_not_named(there: dict[str, Any], wish: dict[str, Any]) -> None:
    merged = _daemon_json.merge(there, wish)
    foreign = [key for key in there if key not in wish]
    assert [key for key in merged if key in foreign] == foreign
    assert all(_daemon_json.same(merged[key], there[key]) for key in foreign)


@given(there=OBJECTS, wish=OBJECTS)
def test_merge_leaves_its_arguments_alone(there: dict[str, Any], wish: dict[str, Any]) -> None:
    before = json.dumps([there, wish])
    _daemon_json.fill(_daemon_json.merge(there, wish), wish)
    assert json.dumps([there, wish]) == before


@given(there=OBJECTS, defaults=OBJECTS)
def test_fill_is_idempotent_and_never_changes_a_value(there: dict[str, Any], defaults: dict[str, Any]) -> None:
    once = _daemon_json.fill(there, defaults)
    assert _daemon_json.same(_daemon_json.fill(once, defaults), once)
    assert all(_daemon_json.same(once[key], value) for key, value in there.items() if not isinstance(value, dict))


@given(settings=OBJECTS)
def test_what_is_rendered_is_parsed_again(settings: dict[str, Any]) -> None:
    again = _daemon_json.parse(_daemon_json.render(settings), "daemon.json")
    assert _daemon_json.same(again, settings)
    assert list(again) == list(settings)


def test_order_and_indentation_are_kept() -> None:
    settings = _daemon_json.parse(HAND_WRITTEN, "daemon.json")
    text = _daemon_json.render(_daemon_json.merge(settings, {"live-restore": True}), HAND_WRITTEN)
    assert list(json.loads(text)) == ["insecure-registries", "log-opts", "x-ours", "live-restore"]
    assert '\n    "live-restore": true\n}' in text
    assert '\n\t"a"' in _daemon_json.render({"a": 1}, '{\n\t"b": 2\n}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Python 3.13 names the comma, older ones what follows it.
        ('{\n  "debug": true,\n}', ["line ", " column "]),
        ('{\n  // logs\n  "debug": true\n}', ["line 2 column 3", "JSON has no comments: remove it"]),
        ('{\n  "debug": true # really\n}', ["line 2 column 17", "JSON has no comments"]),
        ('{"debug": true', ["line 1 column 15"]),
        ('{"debug": true}\n}\n', ["line 2 column 1"]),
        ('{"mtu": NaN}', ["the constant NaN"]),
        ("[1]", ["one JSON object, found"]),
    ],
)
def test_what_is_not_json(text: str, said: list[str]) -> None:
    with pytest.raises(DaemonJsonError) as caught:
        _daemon_json.parse(text, "/etc/docker/daemon.json")
    for part in ["/etc/docker/daemon.json", "nothing was changed", *said]:
        assert part in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_empty_file_has_no_settings(text: str) -> None:
    assert _daemon_json.parse(text, "daemon.json") == {}


@pytest.mark.parametrize(
    ("before", "after", "changed", "restart"),
    [
        ({}, {}, [], []),
        ({"mtu": 1}, {"mtu": 1.0}, ["mtu"], ["mtu"]),
        ({"debug": 1}, {"debug": True}, ["debug"], []),
        ({}, {"live-restore": True}, ["live-restore"], []),
        # A reload keeps the old value of a key that is gone.
        ({"live-restore": True}, {}, ["live-restore"], ["live-restore"]),
        ({"max-concurrent-downloads": 9}, {}, ["max-concurrent-downloads"], []),
        ({}, {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}, ["runtimes"], []),
        ({}, {"log-opts": {"max-size": "1m"}, "debug": True}, ["log-opts", "debug"], ["log-opts"]),
        ({}, {"features": {"buildkit": True}}, ["features"], []),
        ({}, {"features": {"cdi": True}}, ["features"], ["features"]),
        ({"features": {"containerd-snapshotter": True}}, {}, ["features"], ["features"]),
        ({"features": {"cdi": True}}, {"features": {"cdi": True, "buildkit": True}}, ["features"], []),
        ({"data-root": "/a"}, {"data-root": "/b"}, ["data-root"], ["data-root"]),
    ],
)
def test_what_changed_and_what_a_reload_does_not_take_over(
    before: dict[str, Any], after: dict[str, Any], changed: list[str], restart: list[str]
) -> None:
    assert _daemon_json.changed_keys(before, after) == changed
    assert _daemon_json.restart_keys(before, after) == restart
