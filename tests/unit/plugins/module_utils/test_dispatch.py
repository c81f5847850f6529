from __future__ import annotations

import heapq
import random

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._dispatch import Expectation, Item, Queue, order
from ansible_collections.gpt_oss.fleet.plugins.module_utils._estimate import estimate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample


def item(question: int, repeat: int = 0, effort: str = "low", cell: int = 0) -> Item:
    return Item(cell, effort, Sample("gpqa", question, repeat, (0, 1, 2, 3), "?", "A"))


def names(items: list[Item]) -> list[tuple[str, int, int]]:
    return [(one.effort, one.sample.question, one.sample.repeat) for one in items]


def test_high_effort_comes_first_and_unknown_questions_in_the_order_of_the_data() -> None:
    items = [item(n, repeat, effort) for effort in ("low", "high") for repeat in (0, 1) for n in (0, 1)]
    assert names(order(items, Expectation())) == [
        *[("high", n, repeat) for repeat in (0, 1) for n in (0, 1)],
        *[("low", n, repeat) for repeat in (0, 1) for n in (0, 1)],
    ]


def test_what_is_known_to_be_long_comes_first() -> None:
    expectation = Expectation()
    marks = {
        (0, 0): Mark("correct", 1, 100, 1, 0.0, 1.0),
        (1, 0): Mark("wrong", 1, 900, 1, 0.0, 1.0),
        (2, 0): Mark("error", 0, 0, 0, 0.0, 1.0),  # says nothing of a length
    }
    expectation.learn_marks("gpqa", "low", marks)
    assert [expectation.tokens("gpqa", "low", n) for n in range(3)] == [100.0, 900.0, 500.0]
    assert expectation.tokens("gpqa", "high", 0) == 8000.0
    assert names(order([item(0, 1), item(1, 1), item(2, 1)], expectation)) == [("low", n, 1) for n in (1, 2, 0)]
    assert names(order([item(0, 1), item(2, 1), item(1, 1)], expectation)) == [("low", n, 1) for n in (2, 1, 0)]


def test_repeat_by_repeat_the_longest_comes_first_within_each() -> None:
    expectation = Expectation()
    expectation.learn_marks("gpqa", "low", {(n, 0): Mark("correct", 1, 100 * n, 1, 0.0, 1.0) for n in (1, 2)})
    items = [item(n, repeat, effort) for n in (1, 2) for repeat in (2, 1) for effort in ("low", "high")]
    assert names(order(items, expectation, by_repeat=True)) == [
        (effort, n, repeat) for repeat in (1, 2) for effort, n in (("high", 1), ("high", 2), ("low", 2), ("low", 1))
    ]
    queue = Queue(items, expectation, by_repeat=True)
    given = []
    for one in queue:
        given.append(one.sample.repeat)
        for _reply in range(32):
            queue.learn(one, 9000)
    assert given == sorted(given)


def make_span(lengths: list[float], workers: int) -> float:
    free = [0.0] * workers
    for length in lengths:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free)


@pytest.mark.parametrize("seed", range(3))
def test_learning_from_the_first_repeats_shortens_the_tail(seed: int) -> None:
    """198 questions asked 8 times by 128 workers, lengths lognormal by question (sigma 1): an event simulation."""
    generator = random.Random(seed)
    lengths = [int(2000 * generator.lognormvariate(0.0, 1.0)) + 1 for _question in range(198)]
    items = [item(n, repeat) for repeat in range(8) for n in range(198)]
    queue = Queue(items, Expectation())
    events: list[tuple[float, int, Item | None]] = [(0.0, worker, None) for worker in range(128)]
    end = 0.0
    while events:
        now, worker, done = heapq.heappop(events)
        end = max(end, now)
        if done is not None:
            queue.learn(done, lengths[done.sample.question])
        following = next(queue, None)
        if following is not None:
            heapq.heappush(events, (now + lengths[following.sample.question], worker, following))
    ideal = max(8 * sum(lengths) / 128, *lengths)
    in_data_order = make_span([float(lengths[one.sample.question]) for one in items], 128)
    assert end <= 1.12 * ideal < in_data_order


def test_each_item_is_given_out_once_however_often_it_is_sorted() -> None:
    queue = Queue([item(n, repeat) for repeat in range(8) for n in range(30)], Expectation())
    given = []
    for one in queue:
        given.append(one)
        queue.learn(one, one.sample.question + 1)
    assert len(given) == len(set(given)) == 240
    assert (len(queue), queue.tokens_left()) == (0, 0)


class Counting(Expectation):
    ranked = 0

    def rank(self, item: Item) -> float:
        self.ranked += 1
        return super().rank(item)


@pytest.mark.parametrize("repeats", [8, 80])
def test_a_reply_costs_no_more_where_more_waits(repeats: int) -> None:
    """Of a quarter of a million samples each thirty-second reply sorted all that waited: 3 ms a reply."""
    counting = Counting()
    queue = Queue([item(n, repeat) for repeat in range(repeats) for n in range(200)], counting)
    counting.ranked, learnt = 0, 1000
    for number in range(learnt):
        queue.learn(next(queue), number)
    assert counting.ranked <= 70 * learnt


def test_what_is_left_is_told_of_what_waits_and_was_put_back() -> None:
    queue = Queue([item(0), item(0, 1), item(1)], Expectation())
    queue.expectation.learn("gpqa", "low", 0, 100)
    queue.expectation.learn("gpqa", "low", 1, 300)
    assert queue.tokens_left() == 500
    first = next(queue)
    assert (first.sample.question, queue.tokens_left()) == (0, 400)
    queue.put_back(first)
    assert queue.tokens_left() == 500


@pytest.mark.parametrize(("lengths", "expected"), [([5], 5.0), ([9, 1], 5.0), ([9, 1, 2], 2.0), ([4, 1, 9, 2], 3.0)])
def test_a_question_is_expected_to_be_as_long_as_the_median_of_its_replies(lengths: list[int], expected: float) -> None:
    expectation = Expectation()
    for length in lengths:
        expectation.learn("gpqa", "low", 0, length)
    assert expectation.tokens("gpqa", "low", 0) == expected


def test_an_estimate_says_what_it_rests_on() -> None:
    assert estimate(3, 1500.4, None, True) == {"requests": 3, "tokens": 1500, "seconds": None, "from": "guess"}
    assert estimate(3, 1500.0, 100.0, False)["seconds"] == 15.0
