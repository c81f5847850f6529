"""The eval's client beside `vllm bench serve`: what it costs, and whether it is as fast."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import load
from machine import HERE, MODEL, Machine

QUESTIONS = HERE.parent / "vllm/files/gpqa.csv"
# Requests at once, repeats of the eight questions, and tokens of each reply.
CONCURRENCY, REPEATS, TOKENS = 128, 128, 256
WARM_UPS, TURNS = 2, 4
# The eval asks for whole replies. The bench asks for streams unless told otherwise, which costs the server more.
_BODY = '{"reasoning_effort": "low", "stream": false, "stream_options": null}'


def beside(machine: Machine, server: str, port: int) -> dict[str, Any]:
    """Ask a server the same prompts by both, in turn, at the same concurrency; the medians are compared.

    What is compared is what the server's own counters say, while it has nearly all requests that it may have. A young
    server gets faster for its first thousands of requests, hence the rounds before and the turns.
    """
    entry = next(entry for entry in machine.servers if entry["port"] == port)
    # One of several replicas is asked alone, as the bench asks it.
    machine.servers = [{**_without_replicas(entry), "name": server, "gpus": entry["gpus"].split(",")[0]}]
    count = load.write_prompts(machine.state / "huggingface/prompts.jsonl", QUESTIONS, REPEATS)
    found: dict[str, Any] = {"prompts": count, "concurrency": CONCURRENCY, "reply_tokens": TOKENS}
    for number in range(WARM_UPS):
        found[f"warm-up {number + 1}"] = _client(machine, f"warm-up-{number + 1}", port)
    for number in range(1, TURNS + 1):
        asking = {
            f"bench {number}": partial(_bench, machine, server, port, count),
            f"client {number}": partial(_client, machine, f"client-{number}", port),
        }
        # Each goes first as often, as the server gets faster meanwhile.
        for name in asking if number % 2 else reversed(asking):
            found[name] = asking[name]()
    speeds = {
        who: [found[f"{who} {number}"]["while_full"].get("tokens_per_second", 0) for number in range(1, TURNS + 1)]
        for who in ("client", "bench")
    }
    found["tokens per second"] = speeds
    found["client over bench"] = round(median(speeds["client"]) / (median(speeds["bench"]) or 1), 4)
    return found


def _without_replicas(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "replicas"}


def _client(machine: Machine, name: str, port: int) -> dict[str, Any]:
    folder = machine.state / "evaluations" / name
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
    seen = {"client": watch.end(), "while_full": server.end(CONCURRENCY)}
    return load.window(_journals(folder)) | seen | {"playbook_seconds": round(run.seconds, 1)}


def _journals(folder: Path) -> list[Path]:
    return sorted((folder / "runs").rglob("gpqa-*.jsonl"))


def _bench(machine: Machine, server: str, port: int, count: int) -> dict[str, Any]:
    # What docker exec has started outlives it: hence the limit inside.
    command = ["docker", "exec", server, "timeout", "100", "vllm", "bench", "serve", "--backend", "openai-chat"]
    command += ["--base-url", f"http://127.0.0.1:{port}", "--endpoint", "/v1/chat/completions", "--model", MODEL]
    command += ["--dataset-name", "custom", "--dataset-path", "/root/.cache/huggingface/prompts.jsonl"]
    command += ["--skip-chat-template", "--disable-shuffle", "--custom-output-len", str(TOKENS), "--disable-tqdm"]
    command += ["--num-prompts", str(count), "--max-concurrency", str(CONCURRENCY), "--temperature", "1.0"]
    watch = load.ServerWatch(port)
    watch.start()
    run = machine.command("vllm bench serve", [*command, "--extra-body", _BODY])
    seen = {"rc": run.rc, "while_full": watch.end(CONCURRENCY)}
    return {**seen, **load.bench_numbers(run.output)} | ({} if run.rc == 0 else {"said": run.output[-400:]})
