from __future__ import annotations

from typing import Any

import pytest
from simulator.configuration import ConfigurationError, parse_configuration, read_configuration
from simulator.faults import Fault, FaultError, RequestFaults, at_stage, death_text, parse_fault, stuck_fault

BAD_CONFIGURATIONS: list[tuple[Any, str]] = [
    ([], "JSON object, found list"),
    ({"speed": 1}, "unknown key.*speed; known are seed"),
    ({"accuracy_drop": 10}, "accuracy_drop must be a fraction from 0 to 1 .*found 10"),
    ({"accuracy_drop": True}, "accuracy_drop must be a fraction"),
    ({"start_seconds": -1}, "start_seconds must be a number of seconds from 0, found -1"),
    ({"repeats": 0}, "repeats must be a whole number from 1"),
    ({"seed": "x"}, "seed must be a whole number"),
    ({"repeat_by": "x"}, "repeat_by must be body or arrival"),
    ({"data": {"humaneval": ["x"]}}, "data must map gpqa, aime25, mmlu"),
    ({"data": {"gpqa": "x.csv"}}, "data.gpqa must be a list of files"),
    ({"answers": {"gpqa": {"low": {"correct": 1}}}}, "answers.gpqa needs the questions"),
    ({"data": {"gpqa": ["x"]}, "answers": {"gpqa": {"max": {}}}}, "answers.gpqa must map low, medium, high"),
    ({"data": {"gpqa": ["x"]}, "answers": {"gpqa": {"low": {"right": 1}}}}, 'answers.gpqa.low must be {"correct"'),
    ({"data": {"gpqa": ["x"]}, "answers": {"gpqa": {"low": {"accuracy": 60}}}}, "answers.gpqa.low.accuracy must be"),
    ({"data": {"gpqa": ["x"]}, "answers": {"gpqa": {"low": {"correct": -1}}}}, "correct must be a whole number"),
    ({"faults": [{"kind": "explode"}]}, "faults: a fault needs a kind, one of status, reset"),
    ({"faults": [{"kind": "reset", "when": 1}]}, "unknown key.*when"),
    ({"faults": [{"kind": "die", "stage": "lunch"}]}, "no stage 'lunch' for die"),
    ({"faults": [{"kind": "hang", "stage": "serving"}]}, "no stage 'serving' for hang"),
    ({"faults": [{"kind": "die", "cause": "bad luck"}]}, "no cause 'bad luck'; causes are"),
    ({"faults": [{"kind": "reset", "rate": 2}]}, "rate must be a fraction"),
    ({"faults": [{"kind": "usage", "counts": {"tokens": 1}}]}, "counts must map prompt_tokens.*found {'tokens': 1}"),
    ({"faults": [{"kind": "usage", "counts": {"total_tokens": "1"}}]}, "counts must map .* to whole numbers"),
    ({"faults": [{"kind": "usage", "counts": [1]}]}, "counts must map"),
]


@pytest.mark.parametrize(("raw", "message"), BAD_CONFIGURATIONS)
def test_bad_configurations_are_named(raw: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_configuration(raw)


@pytest.mark.parametrize(
    ("value", "message"), [("{", "found no JSON"), ("@/no/such/file.json", "names the file '/no/such/file.json'")]
)
def test_an_unreadable_variable_is_named(value: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_configuration(value)


def test_no_word_means_the_defaults() -> None:
    configuration = read_configuration("")
    assert (configuration.start_seconds, configuration.faults, configuration.repeats) == (0.5, (), 8)


def hits(fault: dict[str, Any], ids: list[str], effort: str = "low", seed: int = 0) -> list[bool]:
    faults = RequestFaults([parse_fault(fault)], seed)
    return [faults.choose(name, effort) is not None for name in ids]


@pytest.mark.parametrize(
    ("fault", "ids", "wanted"),
    [
        ({"kind": "reset"}, ["gpqa/1/0", "other/ab"], [True, True]),
        ({"kind": "reset", "match": "gpqa/3/*"}, ["gpqa/3/0", "gpqa/31/0", "aime25/3/0"], [True, False, False]),
        ({"kind": "reset", "times": 2}, ["a", "a", "b", "a", "b", "b"], [True, True, True, False, True, False]),
        ({"kind": "reset", "effort": "high"}, ["gpqa/1/0"], [False]),
        ({"kind": "reset", "effort": "low"}, ["gpqa/1/0"], [True]),
        ({"kind": "reset", "rate": 0.0}, ["gpqa/1/0"], [False]),
        ({"kind": "reset", "rate": 1.0}, ["gpqa/1/0"], [True]),
        ({"kind": "die"}, ["gpqa/1/0"], [False]),
    ],
)
def test_which_requests_a_fault_hits(fault: dict[str, Any], ids: list[str], wanted: list[bool]) -> None:
    assert hits(fault, ids) == wanted


def test_a_rate_is_decided_by_the_id_alone() -> None:
    ids = [f"gpqa/{question}/{repeat}" for question in range(198) for repeat in range(8)]
    fault = {"kind": "status", "rate": 0.1}
    found = hits(fault, ids)
    assert 110 < sum(found) < 210
    assert hits(fault, ids[::-1])[::-1] == found
    assert hits(fault, ids, seed=1) != found
    assert hits(fault, ids, effort="high") != found


def test_the_first_fault_that_applies_wins() -> None:
    faults = RequestFaults([parse_fault({"kind": "status", "times": 1}), parse_fault({"kind": "empty"})], 0)
    kinds = [fault.kind for _unused in range(3) if (fault := faults.choose("a", "low"))]
    assert kinds == ["status", "empty", "empty"]


def test_faults_of_a_stage() -> None:
    faults = [parse_fault({"kind": "reset"}), parse_fault({"kind": "die", "stage": "compile"})]
    assert at_stage(faults, "compile") == faults[1]
    assert at_stage(faults, "load") is None


def test_the_fault_that_stops_the_engine() -> None:
    faults = [parse_fault({"kind": "die", "stage": "serving"}), parse_fault({"kind": "stuck", "after_requests": 2})]
    assert stuck_fault(faults) == faults[1] and stuck_fault(faults[:1]) is None
    assert at_stage(faults[1:], faults[1].stage) is None
    assert RequestFaults(faults, 0).choose("a", "low") is None


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"kind": "die"}, "CUDA out of memory"),
        ({"kind": "die", "cause": "free_memory"}, "desired GPU memory utilization (0.9, 160.52 GiB)"),
        ({"kind": "die", "cause": "warm_up"}, "warming up sampler with 128 dummy requests"),
        ({"kind": "die", "text": "{so it goes}"}, "{so it goes}"),
    ],
)
def test_last_words(raw: dict[str, Any], part: str) -> None:
    values = {"gpu_memory_utilization": 0.9, "wanted_memory": 160.524, "max_num_seqs": 128}
    assert part in death_text(parse_fault(raw), values)


def test_a_fault_is_a_plain_value() -> None:
    assert parse_fault({"kind": "stall", "seconds": 2}) == Fault("stall", seconds=2)
    with pytest.raises(FaultError):
        parse_fault("stall")
