# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to grade and aggregate 1,584 replies of 4,000 characters, ours or the reference's; asks no server.

usage: grading.py ours COLLECTIONS DATA | grading.py reference DATA       prints the seconds
It prints CPU seconds: start-up, reading the data and making the replies do not count. Each form of an answer comes as
often as the others, and so does a reply without one; one word in twenty of the text looks like a part of an answer.
"""

from __future__ import annotations

import os
import random
import sys
import time

LENGTH = 4000
ENDINGS = (
    "**Answer:** {}", "Answer: {}", "The answer is ({})", "The correct option is {}", "\\boxed{{{}}}", "**{}**",
    "\n{}) it is", "It cannot be said",
)  # fmt: skip


def replies(count: int) -> list[str]:
    generator = random.Random(5)
    plain = [
        "spin",
        "energy",
        "the",
        "of",
        "hence",
        "is",
        "which",
        "we",
        "find",
        "so",
        "thus",
        "wave",
        "mass",
        "a",
        "in",
    ]
    words = [*plain * 8, "answers", "(x)", "option", "*Note*", "\n", "Δ"]
    found = []
    for number in range(count):
        text = " ".join(generator.choices(words, k=LENGTH))
        ending = ENDINGS[number % len(ENDINGS)].format("ABCD"[generator.randrange(4)])
        found.append(f"{text[: LENGTH - len(ending) - 1]}\n{ending}")
    return found


def ours(collections: str, data: str) -> float:
    sys.path.insert(0, collections)
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._outcomes import Mark, classify
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import judge, summarize
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import build_samples, grade

    samples = build_samples("gpqa", [data], 8)
    texts = replies(len(samples))
    started = time.process_time()
    marks = {}
    for number, (sample, text) in enumerate(zip(samples, texts, strict=True)):
        verdict = grade("gpqa", sample.target, text)
        outcome = classify(verdict.score == 1.0, verdict.parsed, "stop")
        marks[(sample.question, sample.repeat)] = Mark(
            outcome, 200, 1000, 900, float(number), number + 2.0, finish_reason="stop", parsed=verdict.parsed,
            extracted=verdict.extracted, permutation=tuple(sample.permutation),
        )  # fmt: skip
    row = judge(summarize(marks, sorted({sample.question for sample in samples}), 8), 0.02, 0.1)
    seconds = time.process_time() - started
    assert row["n_measured"] == len(samples)
    return seconds


def reference(data: str) -> float:
    os.environ["debug"] = "1"  # noqa: SIM112 one after the other: threads would only take turns
    import pandas

    read_csv = pandas.read_csv
    pandas.read_csv = lambda *_arguments, **_options: read_csv(data)
    from gpt_oss.evals import gpqa_eval, report
    from gpt_oss.evals.types import SamplerResponse

    report.tqdm = lambda iterable, **_options: iterable
    evaluation = gpqa_eval.GPQAEval(n_repeats=8)
    texts = iter(replies(len(evaluation.examples)))

    class Sampler:
        def _pack_message(self, role: str, content: str) -> dict[str, str]:
            return {"role": role, "content": content}

        def __call__(self, messages: list[dict[str, str]]) -> SamplerResponse:
            return SamplerResponse(next(texts), messages, {})

    started = time.process_time()
    evaluation(Sampler())
    return time.process_time() - started


if __name__ == "__main__":
    print(ours(*sys.argv[2:]) if sys.argv[1] == "ours" else reference(*sys.argv[2:]))
