"""The eval's client beside `vllm bench serve`: what it costs, and whether it is as fast."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import load
from common_steps import CommonSteps
from machine import HERE, Machine
from record import Step
from turns import in_turns

SERVER, MODEL = "acceptance-spoken", "acceptance/spoken"
QUESTIONS = HERE.parent / "vllm/files/gpqa.csv"
# Requests at once, repeats of the eight questions, and tokens of each reply.
CONCURRENCY, REPEATS, TOKENS = 128, 128, 256
WARM_UPS, TURNS = 2, 4


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
            SERVER, self.machine.gpus[:1], self.port, weights="auto", model=MODEL, tensor_parallel_size=1
        )
        on = partial(self.on, [server])
        made, served = ("weights whose replies begin well",), ("deploy, replies that begin well",)
        yield Step(made[0], partial(self.weights, MODEL, "--spoken"), 240, ("models",))
        yield Step(served[0], on(partial(self.deploy, "deploy replies that begin well", [server])), 300, made)
        yield Step("eval client beside vllm bench serve", on(self.beside), 560, served)
        yield Step("teardown, replies that begin well", on(self.teardown), 60, made)

    def beside(self) -> dict[str, Any]:
        """Ask a server the same prompts by both, in turn, at the same concurrency; the medians are compared.

        What is compared is what the server's own counters say, while it has nearly all requests that it may have. A
        young server gets faster for its first thousands of requests, hence the rounds before and the turns.
        """
        machine, port = self.machine, self.port
        count = load.write_prompts(machine.state / "huggingface/prompts.jsonl", QUESTIONS, REPEATS)
        found: dict[str, Any] = {"prompts": count, "concurrency": CONCURRENCY, "reply_tokens": TOKENS}
        for number in range(WARM_UPS):
            found[f"warm-up {number + 1}"] = _client(machine, f"warm-up-{number + 1}", port)
        return found | in_turns(
            lambda number: _client(machine, f"client-{number}", port),
            lambda number: _bench(machine, f"bench-{number}", port, count),
            TURNS,
        )


def _client(machine: Machine, name: str, port: int) -> dict[str, Any]:
    folder = machine.state / "evaluations" / name
    # What an earlier call of the driver left there would be counted too.
    shutil.rmtree(folder, ignore_errors=True)
    watch, server = load.ClientWatch(folder), load.ServerWatch(port)
    watch.start()
    server.start()
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
    run = machine.playbook("evaluate", f"evaluate {name}", told)
    seen = {"client": watch.end(), "while_full": _kept(machine, server, name)}
    return load.window(_journals(folder)) | seen | {"playbook_seconds": round(run.seconds, 1)}


def _journals(folder: Path) -> list[Path]:
    return sorted((folder / "runs").rglob("gpqa-*.jsonl"))


def _kept(machine: Machine, watch: load.ServerWatch, name: str) -> dict[str, float]:
    """End a watch and keep all that it saw among the logs, as its summary may be asked about."""
    found = watch.end(CONCURRENCY)
    (machine.logs / f"counters-{name}.json").write_text(json.dumps(watch.looks))
    return found


def _bench(machine: Machine, name: str, port: int, count: int) -> dict[str, Any]:
    asked = load.bench_command(
        f"http://127.0.0.1:{port}", MODEL, "/root/.cache/huggingface/prompts.jsonl", count, CONCURRENCY, TOKENS
    )
    watch = load.ServerWatch(port)
    watch.start()
    # What docker exec has started outlives it: hence the limit inside.
    run = machine.command("vllm bench serve", ["docker", "exec", SERVER, "timeout", "100", *asked])
    seen = {"rc": run.rc, "while_full": _kept(machine, watch, name)}
    return {**seen, **load.bench_numbers(run.output)} | ({} if run.rc == 0 else {"said": run.output[-400:]})
