"""The eval's client beside `vllm bench serve`: what it costs, and whether it is as fast."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import load
from common_steps import CommonSteps
from machine import HERE, Machine
from record import Step, expect
from turns import in_turns

SERVER, MODEL = "acceptance-spoken", "acceptance/spoken"
QUESTIONS = HERE.parent / "vllm/files/gpqa.csv"
# Requests at once, repeats of the eight questions, the most tokens of a reply, turns of each. One reply in four is cut
# off there, and the others end before: where all are as long they come in waves, and a turn tells of the time between.
CONCURRENCY, REPEATS, TOKENS, TURNS = 128, 96, 1024, 6
# As vLLM would choose them where the steps of so many requests lie, and few else. A step without a graph takes four
# times as long: without one for 128 requests and a prompt, a turn tells how many such steps there were.
GRAPHS = (1, 8, 32, 64, 96, 112, 120, 128, 136, 144, 152, 160, 176, 192, 224, 256, 384, 512, 640, 768, 896, 1024)
# Requests at once: what an eval of a server with such graphs goes up to, and what it went up to before, beyond them.
AT_ONCE = (128, 384, 768, 1100)
# Seconds that a turn may take. What one that was cut off has asked goes on in the server: none is begun with less.
_TURN = 80


class ClientSteps(CommonSteps):
    """A server of gpt-oss-20b's layers on one GPU, whose replies are read as fast as a real model's, asked by both."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.port = machine.port + 80

    def steps(self) -> Iterator[Step]:
        """Yield the steps in their order; none without a GPU, as the simulator is not for measuring."""
        if not self.machine.gpus:
            return
        server = self.machine.entry(
            SERVER, self.machine.gpus[:1], self.port, weights="auto", graphs=GRAPHS, model=MODEL, tensor_parallel_size=1
        )
        on = partial(self.on, [server])
        made, served = ("weights whose replies begin well",), ("deploy, replies that begin well",)
        warm, compared = ("thousands of requests for a young server",), ("eval client beside vllm bench serve",)
        yield Step(made[0], partial(self.weights, MODEL, "--spoken"), 240, ("models",))
        yield Step(served[0], on(partial(self.deploy, "deploy replies that begin well", [server])), 300, made)
        yield Step(warm[0], on(self.warm_up), 120, served)
        yield Step(compared[0], on(self.beside), 2 * TURNS * _TURN, warm)
        yield Step("speed by requests at once", on(self.by_requests), 400, compared)
        # A further call may want the server until then. One that has requests ends them first, for up to a minute.
        yield Step("teardown, replies that begin well", on(self.teardown), 150, compared)

    def warm_up(self) -> dict[str, Any]:
        """Ask a young server, which gets faster for its first thousand requests."""
        return self._client("warm-up", self._write_prompts())

    def beside(self) -> dict[str, Any]:
        """Ask a server the same prompts by both, in turn, at the same concurrency; the medians are compared.

        What is compared is what the server's own counters say, while it has nearly all requests that it may have.
        """
        count = self._write_prompts()
        found = in_turns(
            lambda number: self._turn(partial(self._client, f"client-{number}", count)),
            lambda number: self._turn(partial(self._bench, f"bench-{number}", count)),
            TURNS,
            self.machine.logs / "turns.json",
        )
        return {"prompts": count, "concurrency": CONCURRENCY, "reply_tokens": TOKENS, **found}

    def by_requests(self) -> dict[str, Any]:
        """Return the server's speed by how many requests it has, each for about twice the length of a reply."""
        found: dict[int, dict[str, float]] = {}
        for at_once in AT_ONCE:
            with self._counted(f"{at_once}-at-once", 2 * at_once, at_once) as found[at_once]:
                load.generate(self.port, MODEL, at_once, 2 * at_once, TOKENS, ends=True)
        return {"graphs_up_to": GRAPHS[-1], "reply_tokens": TOKENS, "while_full": found}

    def _turn(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        left = self.machine.left
        expect(left > _TURN, f"wanted {_TURN} s for another turn, found {left:.0f} s: a further call goes on from here")
        load.until_idle(self.port, left - _TURN)
        return ask()

    def _write_prompts(self) -> int:
        return load.write_prompts(self.machine.state / "huggingface/prompts.jsonl", QUESTIONS, REPEATS)

    def _client(self, name: str, count: int) -> dict[str, Any]:
        machine = self.machine
        folder = machine.state / "evaluations" / name
        # What an earlier call of the driver left there would be counted too.
        shutil.rmtree(folder, ignore_errors=True)
        told = {
            "evaluate_tasks": ["gpqa"],
            "evaluate_reasoning_efforts": ["low"],
            "evaluate_sampler": "chat_completions",
            "evaluate_n_repeats": REPEATS,
            "evaluate_concurrency": CONCURRENCY,
            "evaluate_max_tokens": TOKENS,
            "evaluate_path": str(folder),
            "evaluate_report_path": str(machine.state / f"report-{name}"),
        }
        watch = load.ClientWatch(folder)
        watch.start()
        with self._counted(name, count, CONCURRENCY) as full:
            run = machine.playbook("evaluate", f"evaluate {name}", told)
            client = watch.end()
            # Before the replies are counted: what a playbook says of its failure tells more.
            run.wanted(0)
        seen = {"client": client, "while_full": full, "playbook_seconds": round(run.seconds, 1)}
        found = load.window(sorted((folder / "runs").rglob("gpqa-*.jsonl")))
        unanswered = sum(found.get("outcomes", {}).get(name, 0) for name in ("refused", "error", "timeout"))
        _all_answered(found["requests"], unanswered, run.output)
        return found | seen

    def _bench(self, name: str, count: int) -> dict[str, Any]:
        url, prompts = f"http://127.0.0.1:{self.port}", "/root/.cache/huggingface/prompts.jsonl"
        asked = load.bench_command(url, MODEL, prompts, count, CONCURRENCY, TOKENS)
        with self._counted(name, count, CONCURRENCY) as full:
            # What docker exec has started outlives it: hence the limit inside.
            command = ["docker", "exec", SERVER, "timeout", str(_TURN), *asked]
            run = self.machine.command("vllm bench serve", command).wanted(0)
        numbers = load.bench_numbers(run.output)
        _all_answered(count, numbers["failed_requests"], run.output)
        return {"while_full": full, **numbers}

    @contextmanager
    def _counted(self, name: str, requests: int, at_once: int) -> Iterator[dict[str, float]]:
        """Fill what is yielded with the server's speed meanwhile, and keep all readings among the logs."""
        watch, found = load.ServerWatch(self.port), dict[str, float]()
        watch.start()
        try:
            with load.asked_alone(self.port, requests):
                yield found
        finally:
            found.update(watch.end(at_once))
            (self.machine.logs / f"counters-{name}.json").write_text(json.dumps(watch.looks))


def _all_answered(asked: int, unanswered: float, output: str) -> None:
    told = f"wanted requests and a reply to each, found {asked}, {unanswered:.0f} of them without: {output[-400:]}"
    expect(asked > 0 and not unanswered, told)
