# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: smoke - asks a server in each way, and judges the replies: shape, sense, tokens, limits and refusals."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_answer import SmokeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_check import (
    Check,
    Clock,
    Job,
    Outcome,
    make,
    make_all,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_effort import compare_efforts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_plan import WAYS, Plan, Question
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_refusal import (
    check_bad_json,
    check_key_required,
    check_unknown_model,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._smoke_verdict import (
    judge_end,
    judge_reasoning,
    judge_sense,
    judge_usage,
)

# Fewer tokens than any reply to the prompt has; Harmony's marks and one word take seven.
_LIMIT = 8
_LIMIT_PROMPT = "Write the numbers from one to fifty as words."


def run_checks(api: Api, plan: Plan, clock: Clock = time.monotonic) -> list[Check]:
    """Return all checks in order. When the models list is wrong, nothing else is asked."""
    first = make(Job("models", "models", partial(_check_models, api, plan)), clock)
    if not first.ok:
        return [first]
    plan = dataclasses.replace(plan, max_tokens=_fitting(plan.max_tokens, first.numbers["max_model_len"]))
    jobs = [*_answer_jobs(api, plan), *_limit_jobs(api, plan), *_refusal_jobs(api, plan)]
    efforts = _effort_jobs(api, plan)
    made = make_all([*jobs, *efforts], plan.concurrency, clock)
    checks, compared = made[: len(jobs)], made[len(jobs) :]
    asked = [first, *checks, *_prompt_token_checks(checks, plan)]
    return [*asked, compare_efforts(plan.reasoning_efforts, compared)] if compared else asked


def failures(checks: Iterable[Check]) -> list[str]:
    """Return the failed checks, a line each."""
    return [f"{check.name}: {check.detail}" for check in checks if not check.ok]


def _check_models(api: Api, plan: Plan) -> Outcome:
    cards = {str(card.get("id")): card for card in api.models()}
    if plan.model not in cards:
        raise SmokeError(f"expected the model {plan.model}, the server lists {', '.join(cards) or 'none'}")
    length = cards[plan.model].get("max_model_len")
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise SmokeError(f"expected the model's max_model_len in the list, found {length!r}")
    return Outcome(f"{', '.join(cards)}; max_model_len {length}", numbers={"max_model_len": length})


def _fitting(max_tokens: Optional[int], max_model_len: int) -> Optional[int]:
    # A limit above the context is refused by some versions and APIs; the prompts need little of it.
    return None if max_tokens is None else max(1, min(max_tokens, max_model_len // 2))


def _answer_jobs(api: Api, plan: Plan) -> list[Job]:
    return [
        Job(f"{way} {effort}", "answers", partial(_ask, api, plan, way, f"{way} {effort}", plan.prompt, effort), weight)
        for weight, effort in enumerate(plan.reasoning_efforts)
        for way in WAYS
    ]


def _effort_jobs(api: Api, plan: Plan) -> list[Job]:
    if len(plan.reasoning_efforts) < 2:
        return []
    asked = dataclasses.replace(plan, expect="")
    return [
        Job(f"effort {effort} {number}", effort, partial(
            _ask, api, asked, "chat", f"effort {effort} {number}", prompt, effort, may_be_cut=True), weight)
        for weight, effort in ((0, plan.reasoning_efforts[0]), (2, plan.reasoning_efforts[-1]))
        for number, prompt in enumerate(plan.effort_prompts, 1)
    ]  # fmt: skip


def _limit_jobs(api: Api, plan: Plan) -> list[Job]:
    return [Job(f"{way} limit", "limits", partial(_strike_limit, api, plan, way)) for way in ("chat", "responses")]


def _refusal_jobs(api: Api, plan: Plan) -> list[Job]:
    checks: list[tuple[str, Callable[[Api], str]]] = [
        ("unknown model", check_unknown_model),
        ("bad JSON", check_bad_json),
    ]
    if plan.key_expected:
        checks.append(("key required", check_key_required))
    return [Job(name, "refusals", partial(_refused, api, check)) for name, check in checks]


def _refused(api: Api, check: Callable[[Api], str]) -> Outcome:
    return Outcome(check(api))


def _ask(api: Api, plan: Plan, way: str, name: str, prompt: str, effort: str, may_be_cut: bool = False) -> Outcome:
    answer = WAYS[way](api, plan, Question(name, prompt, effort, plan.max_tokens))
    chat = way.startswith("chat")
    # Gibberish seldom ends by itself: where no sense is asked for, no end is.
    judge_end(answer, may_be_cut or not plan.expect)
    judge_usage(answer, prompt, chat or plan.conventions.responses_counted)
    judge_reasoning(answer, plan.conventions, chat)
    if plan.expect:
        judge_sense(answer, plan.expect)
    return Outcome(answer.text.strip()[:200], answer)


def _strike_limit(api: Api, plan: Plan, way: str) -> Outcome:
    question = Question(f"{way} limit", _LIMIT_PROMPT, plan.reasoning_efforts[-1], _LIMIT)
    answer, chat = WAYS[way](api, plan, question), way == "chat"
    told = chat or plan.conventions.incomplete_told
    if answer.finish_reason != "length" and (told or answer.finish_reason != "stop"):
        raise SmokeError(f"expected {_LIMIT} tokens to cut the reply, it ended with {answer.finish_reason!r}")
    judge_usage(
        dataclasses.replace(answer, finish_reason="length"), _LIMIT_PROMPT, chat or plan.conventions.responses_counted
    )
    if answer.usage.completion_tokens > _LIMIT:
        raise SmokeError(f"expected {_LIMIT} tokens at most, found {answer.usage.completion_tokens} counted")
    return Outcome(f"cut after {answer.usage.completion_tokens} tokens", answer)


def _prompt_token_checks(checks: Sequence[Check], plan: Plan) -> list[Check]:
    """Return for each API whether the same prompt counted the same, whole and as a stream, at each effort."""
    answers = {check.name: check.answer for check in checks}
    made = []
    for way in ("chat", "responses"):
        pairs = [(answers[f"{way} {effort}"], answers[f"{way} stream {effort}"]) for effort in plan.reasoning_efforts]
        counts = [(a.usage.prompt_tokens, b.usage.prompt_tokens) for a, b in pairs if a is not None and b is not None]
        wrong = [f"{whole} whole, {stream} as a stream" for whole, stream in counts if whole != stream]
        detail = "; ".join(wrong) or ", ".join(str(whole) for whole, _stream in counts)
        name = f"{way} prompt tokens"
        if not counts:
            made.append(Check(name, "usage", True, "not compared, as the replies failed", skipped=True))
        elif wrong:
            made.append(Check(name, "usage", False, f"expected the same prompt to count the same, found {detail}"))
        else:
            made.append(Check(name, "usage", True, f"{detail}, whole and as a stream"))
    return made
