from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._junit import junit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._smoke_report import report_of
from smoke_examples import GOOD, HOSTS, check, server

WHEN = "2026-01-31T12:00:00"
# The usual schema, as far as reports use it: what each element must have, may have, and may hold.
SCHEMA: dict[str, tuple[set[str], set[str], list[str]]] = {
    "testsuites": ({"tests", "failures", "errors", "time"}, {"name"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time"},
        {"skipped", "timestamp", "hostname"},
        ["properties", "testcase"],
    ),
    "properties": (set(), set(), ["property"]),
    "property": ({"name", "value"}, set(), []),
    "testcase": ({"name", "classname", "time"}, set(), ["skipped", "error", "failure"]),
    "skipped": (set(), {"message"}, []),
    "error": ({"message", "type"}, set(), []),
    "failure": ({"message", "type"}, set(), []),
}


def parsed(hosts: dict[str, Any]) -> Element:
    text = junit(report_of(hosts), WHEN)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    return ElementTree.fromstring(text.encode())


def validate(element: Element) -> None:
    required, optional, children = SCHEMA[element.tag]
    assert required <= set(element.attrib) <= required | optional, element.attrib
    tags = [child.tag for child in element]
    assert set(tags) <= set(children)
    assert tags == sorted(tags, key=children.index), "out of order"
    for name in {"tests", "failures", "errors", "skipped"} & set(element.attrib):
        assert re.fullmatch(r"\d+", element.attrib[name])
    if "time" in element.attrib:
        assert re.fullmatch(r"\d+\.\d+", element.attrib["time"])
    for child in element:
        validate(child)


@pytest.mark.parametrize("hosts", [HOSTS, {}, {"a": []}, {"a": None}, {"a": [GOOD]}])
def test_the_file_has_the_usual_shape_and_its_counts_are_right(hosts: dict[str, Any]) -> None:
    root = parsed(hosts)
    validate(root)
    for element in (root, *root):
        for key, path in (("tests", ".//testcase"), ("failures", ".//failure"), ("errors", ".//error")):
            assert int(element.attrib[key]) == len(element.findall(path)), (element.attrib, key)


def test_a_suite_for_each_server_and_each_untested_host() -> None:
    root = parsed(HOSTS)
    assert dict(root.attrib) | {"name": ""} == {
        "name": "",
        "tests": "7",
        "failures": "1",
        "errors": "2",
        "time": "24.692",
    }
    suites = {suite.attrib["name"]: suite for suite in root}
    assert list(suites) == ["node1/gpt-oss-20b", "node2/gpt-oss-120b", "node2/gpt-oss-20b", "node3"]
    assert {suite.attrib["hostname"] for suite in root} == {"node1", "node2", "node3"}
    bad = suites["node2/gpt-oss-120b"]
    assert (bad.attrib["skipped"], bad.attrib["timestamp"], bad.attrib["time"]) == ("1", WHEN, "12.346")
    names = [(case.attrib["classname"], case.attrib["name"]) for case in bad.findall("testcase")]
    assert names[0] == ("node2/gpt-oss-120b/models", "models")
    assert [child.tag for case in bad.findall("testcase") for child in case] == ["failure", "skipped"]


def test_properties_tell_what_was_tested() -> None:
    found = {item.attrib["name"]: item.attrib["value"] for item in parsed({"a": [GOOD]}).iter("property")}
    assert found == {
        "model": "openai/gpt-oss-20b",
        "image": "vllm/vllm-openai:v0.32.0",
        "image_digest": "sha256:abc",
        "vllm_version": "0.32.0",
        "simulated": "false",
        "reasoning_tokens_low": "40",
        "reasoning_tokens_high": "270",
    }


def test_what_xml_cannot_hold_is_replaced() -> None:
    broken = 'a\x00b\x1b[31m \ud800 \uffff & <tag> "quoted" ]]> é 🗼\nsecond line'
    root = parsed({"a": [server("s", check("chat low", ok=False, detail=broken))]})
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text == 'a\ufffdb\ufffd[31m \ufffd \ufffd & <tag> "quoted" ]]> é 🗼\nsecond line'
    assert failure.attrib["message"] == failure.text.partition("\n")[0]


def test_a_silent_server_and_an_unreached_host_are_errors() -> None:
    errors = [error.attrib["message"] for error in parsed(HOSTS).iter("error")]
    assert errors[0].startswith("the smoke test of http://127.0.0.1:8001/v1 could not start")
    assert errors[1] == "not asked: its turn is to come, or the host failed or could not be reached before"
