from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_baseline import (
    BaselineError,
    dump,
    load,
    merged,
    rows_of,
)
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Unit
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import judge
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_report import report_of
from fingerprint_examples import row, units

FLEET = [row(ripple=0.001 * number) for number in range(3)]
NONE: dict[str, Any] = {"server": "-", "problem": "no answer", "replies": []}
FAIL_ON = ["bad", "missing"]


def report(*rows: dict[str, Any], fail_on: list[str] | None = None) -> dict[str, Any]:
    own = units(*rows)
    return report_of(judge(own, own), FAIL_ON if fail_on is None else fail_on)


def test_a_fleet_that_agrees() -> None:
    found = report(*FLEET)
    assert (found["accepted"], found["verdict"], found["simulated"]) == (True, "good", False)
    assert found["sentence"] == "Fingerprints: 3 of 3 hosts agree."
    assert [line.split()[0] for line in found["table"][2:5]] == ["h0", "h1", "h2"]
    assert max(map(len, found["table"])) <= 120 and all(line.isascii() for line in found["table"])


def test_hosts_that_are_not_good_are_told_with_their_reasons() -> None:
    found = report(*FLEET, row(0.3, simulated=False), NONE)
    assert not found["accepted"]
    assert found["sentence"] == "Fingerprints: 3 of 5 hosts agree; bad: h3; missing: h4."
    text = "\n".join(found["table"])
    assert "h3 is BAD: differs from the fleet's" in text and "h4 is MISSING: no answer" in text
    assert {host["host"]: host["verdict"] for host in found["hosts"]}["h3"] == "bad"


@pytest.mark.parametrize(("fail_on", "accepted"), [(FAIL_ON, True), (["suspect"], False), ([], True)])
def test_what_is_accepted(fail_on: list[str], accepted: bool) -> None:
    assert report(row(), row(0.3), fail_on=fail_on)["accepted"] is accepted


def test_a_host_has_the_worst_verdict_of_its_servers() -> None:
    own = [Unit("h", row(shift, server=f"s{n}", gpus=str(n))) for n, shift in enumerate((0, 0, 0, 0.3))]
    [host] = report_of(judge(own, own), FAIL_ON)["hosts"]
    assert host["verdict"] == "bad" and host["reason"].startswith("s3 differs") and "GPU 3" in host["reason"]


def test_large_fleets_show_what_is_not_good() -> None:
    found = report(*[row()] * 120, row(0.3))
    assert len(found["table"]) < 12 and any("... and 120 servers more" in line for line in found["table"])


def test_simulated_servers_are_marked() -> None:
    assert "SIMULATED" in report(*(row(simulated=True) for _n in range(3)))["sentence"]


def test_a_baseline_is_read_as_it_was_written() -> None:
    rows = rows_of(units(*FLEET, row(vllm_version="0.33.0")))
    text = dump(rows)
    assert load(text, "f") == json.loads(json.dumps(rows))
    assert dump(load(text, "f")) == text
    assert [each["hosts"] for each in rows] == [["h0", "h1", "h2"], ["h3"]]
    assert judge(units(row(0.3)), [], load(text, "f"))[0].verdict == "bad"


def test_fresh_rows_take_the_place_of_the_same_kind() -> None:
    known = rows_of(units(row(), row(model="other")))
    fresh = rows_of(units(row(0.2)))
    kept = merged(known, fresh)
    assert [each["model"] for each in kept] == ["other", "openai/gpt-oss-20b"] and kept[1] is fresh[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint_baseline": 2, "fingerprints": []}'])
def test_files_that_hold_no_fingerprints(text: str) -> None:
    with pytest.raises(BaselineError, match=r"my\.json"):
        load(text, "my.json")
