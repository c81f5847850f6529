"""The playbooks, as they are, on real vLLM.

The tests build on each other, in this order: each start of a server costs a minute of processor time. run.sh stops at
the first that fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
import urllib.request
from typing import Any
from xml.etree import ElementTree

import pytest
from fleet import IMAGE, MODEL, PORT, SERVER, STATE, containers, docker, get, module, playbook, step

EFFORTS = ("low", "medium", "high")
# Rows of the data sets beside this file, times evaluate_n_repeats of the inventory.
N_SAMPLES = {"gpqa": 8 * 2, "aime25": 4 * 2}
# How each task's replies end, as the tiny model was taught (train.py).
ENDINGS = {"gpqa": r"Answer: [A-D]$", "aime25": r"\\boxed\{\d+\}$"}
# At temperature 1 so small a model may leave its script now and then, in so many replies of a cell at most.
MOST_STRAYED = 1

# The tokens of a reply that is still under way when its server is replaced: a context's worth.
LONG = 4000

# What vllm_container is told of a server that is not the inventory's.
OTHER = {
    "name": f"{SERVER}-other",
    "image": IMAGE,
    "pull": "never",
    "model": MODEL,
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    "volumes": [f"{STATE}/huggingface:/root/.cache/huggingface"],
    "port": PORT + 1,
    "gpus": "none",
    "ipc_mode": "private",
    "shm_size": "1g",
    "timeout": 900,
}


def command_line(model: str, *more: str) -> list[str]:
    return [model, "--host", "0.0.0.0", "--port", "8000", "--enforce-eager", "--dtype", "bfloat16", *more]


def long_completion() -> dict[str, Any]:
    """One completion of LONG tokens, which takes longer than a playbook needs to come to the server."""
    body = {"model": MODEL, "prompt": "Once upon a time", "max_tokens": LONG, "ignore_eos": True}
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        answer = json.loads(reply.read())
    tokens = answer["usage"]["completion_tokens"]
    return {"finish_reason": answer["choices"][0]["finish_reason"], "completion_tokens": tokens}


def container_id() -> str:
    return docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", SERVER)


def report(folder: str) -> dict[str, Any]:
    return json.loads((STATE / folder / "report.json").read_text())


def journals() -> dict[str, tuple[int, int]]:
    """The size and time of change of each journal on the host."""
    found = (STATE / "evaluate" / "runs").rglob("*.jsonl")
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def print_table(output: str) -> None:
    """The table of scores and the fleet's verdict, as the playbook printed them."""
    begins, ends = output.index("\nhost "), output.index("\nTASK", output.index("\nFleet verdict"))
    print(output[begins:ends].rstrip(), flush=True)


def test_deploy_brings_a_healthy_server() -> None:
    run = playbook("deploy", "deploy")
    assert run.rc == 0, run.output[-4000:]
    assert run.changed > 0
    progress = re.findall(rf"^\[acceptance\] {SERVER}: .*$", run.output, re.MULTILINE)
    print("\n".join(f"            {line}" for line in progress), flush=True)
    assert "ready after" in progress[-1] and "weights" in progress[-1]
    assert get("/version") == (200, {"version": os.environ["VLLM_VERSION"]})
    status, models = get("/v1/models")
    assert (status, models["data"][0]["id"], models["data"][0]["max_model_len"]) == (200, MODEL, 4096)
    ports = json.loads(docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", SERVER))
    assert ports == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]}


def test_deploy_again_changes_nothing() -> None:
    before = container_id()
    run = playbook("deploy", "deploy again")
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    assert container_id() == before


def test_smoke_finds_paris_in_each_way() -> None:
    run = playbook("smoke", "smoke", {"vllm_smoke_report_path": str(STATE / "smoke")})
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    found = json.loads((STATE / "smoke" / "smoke.json").read_text())["hosts"][0]["servers"][0]
    checks = {check["name"]: check for check in found["checks"]}
    ways = ("chat", "chat stream", "responses", "responses stream")
    assert {f"{way} {effort}" for way in ways for effort in EFFORTS} <= set(checks)
    assert all(check["ok"] and not check["skipped"] for check in checks.values()), checks
    assert (found["vllm_version"], found["simulated"]) == (os.environ["VLLM_VERSION"], False)
    # The tokens of each thought as the tiny model was taught (train.py), in ten replies each.
    assert found["reasoning_tokens"]["low"] * 3 < found["reasoning_tokens"]["high"], found["reasoning_tokens"]
    assert [checks[f"chat {effort}"]["numbers"]["reasoning_tokens"] for effort in EFFORTS] == [4, 12, 27]
    suite = ElementTree.parse(STATE / "smoke" / "junit.xml").getroot()[0]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == (str(len(checks)), "0", "0")
    print(f"            {len(checks)} checks, all well, in {found['seconds']:.1f} s", flush=True)


def test_smoke_can_fail() -> None:
    run = playbook("smoke", "smoke that expects London", {"vllm_smoke_expect": "London"})
    assert run.rc == 2
    assert "London" in run.output and "Paris" in run.output


def test_collect_env_tells_the_running_servers_environment() -> None:
    before = container_id()
    run = playbook("collect_env", "collect env", {"collect_env_path": str(STATE / "environment")})
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    found = json.loads((STATE / "environment" / "hosts" / "acceptance.json").read_text())["servers"][SERVER]
    assert (found["source"], found["vllm_version"]) == ("server", os.environ["VLLM_VERSION"])
    assert found["variables"]["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert {"torch", "transformers"} <= {package["name"] for package in found["packages"]}
    assert container_id() == before


def test_evaluate_scores_each_cell() -> None:
    run = playbook("evaluate", "evaluate")
    assert run.rc == 0, run.output[-4000:]
    print_table(run.output)
    scores = report("report")["scores"]
    cells = {(row["task"], row["reasoning_effort"]): row for row in scores}
    assert sorted(cells) == sorted((task, effort) for task in N_SAMPLES for effort in EFFORTS)
    for (task, _unused), row in cells.items():
        assert row["n_measured"] == N_SAMPLES[task], row
        assert (row["n_truncated"], row["n_errors"], row["n_refused"], row["n_timeouts"]) == (0, 0, 0, 0), row
        assert row["n_unparsed"] <= MOST_STRAYED, row
        assert row["score"] == row["n_correct"] / row["n_measured"]
        assert not row["simulated"]
    # A model that guesses among four letters is right at times; if never, or always, something else is being graded.
    guessed = sum(cells["gpqa", effort]["n_correct"] for effort in EFFORTS)
    assert 0 < guessed < 3 * N_SAMPLES["gpqa"]


def test_samples_hold_what_the_server_said() -> None:
    reasoning: dict[str, list[int]] = {effort: [] for effort in EFFORTS}
    fetched = list((STATE / "report" / "samples").rglob("*.jsonl"))
    assert len(fetched) == len(N_SAMPLES) * len(EFFORTS)
    for path in fetched:
        identity, *rows = map(json.loads, path.read_text().splitlines())
        task, effort = path.name.split("-")[:2]
        assert len(rows) == N_SAMPLES[task], path
        text = json.dumps(identity)
        assert MODEL in text and os.environ["VLLM_VERSION"] in text and task in text
        strayed = [row for row in rows if not re.search(ENDINGS[task], row["text"])]
        assert len(strayed) <= MOST_STRAYED, strayed
        reasoning[effort] += [row["reasoning_tokens"] for row in rows if row not in strayed]
    means = [sum(reasoning[effort]) / len(reasoning[effort]) for effort in EFFORTS]
    print("            reasoning tokens a reply, by effort: " + ", ".join(f"{mean:.1f}" for mean in means))
    assert 0 < means[0] < means[1] < means[2]


def test_evaluate_again_asks_nothing() -> None:
    before = journals()
    run = playbook("evaluate", "evaluate again")
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    assert journals() == before


def test_evaluate_through_chat_completions() -> None:
    extra = {
        "evaluate_sampler": "chat_completions",
        "evaluate_reasoning_efforts": ["low"],
        # This API fits the reference's figure to the context by itself.
        "evaluate_max_tokens": 131072,
        "evaluate_report_path": str(STATE / "report-chat"),
    }
    run = playbook("evaluate", "evaluate through chat completions", extra)
    assert run.rc == 0, run.output[-4000:]
    scores = report("report-chat")["scores"]
    assert [row["n_measured"] for row in sorted(scores, key=lambda row: row["task"])] == [8, 16]


def test_check_mode_leaves_the_server_alone() -> None:
    before = container_id()
    run = playbook("deploy", "deploy again in check mode", check=True)
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]
    assert container_id() == before


def test_a_change_behind_our_back_is_seen_and_mended() -> None:
    before = container_id()
    docker("update", "--restart", "always", SERVER)
    run = playbook("deploy", "deploy in check mode, restart policy changed by hand", check=True)
    assert (run.rc, run.changed) == (0, 1) and re.search(r'-\s+"restart_policy": "always"', run.output)
    run = playbook("deploy", "deploy, restart policy changed by hand")
    assert (run.rc, run.changed) == (0, 1), run.output[-4000:]
    assert docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", SERVER) == "no"
    assert container_id() == before


def test_a_new_description_is_rolled_out_while_a_request_runs_and_rolled_back() -> None:
    """The request that is under way is answered to its end before the old server is stopped."""
    before = container_id()
    replies: list[Any] = []
    asking = threading.Thread(target=lambda: replies.append(long_completion()))
    asking.start()
    new = {"vllm_defaults": {"labels": {"rollout": "2"}}}
    run = playbook("deploy", "deploy a new description while a request runs", new)
    asking.join()
    assert run.rc == 0 and run.changed > 0, run.output[-4000:]
    assert replies == [{"finish_reason": "length", "completion_tokens": LONG}]
    assert docker("inspect", "--format", '{{index .Config.Labels "rollout"}}', SERVER) == "2"
    run = playbook("deploy", "roll back", {**new, "vllm_rollback": True})
    assert run.rc == 0 and run.changed > 0, run.output[-4000:]
    assert docker("inspect", "--format", '{{index .Config.Labels "rollout"}}', SERVER) == ""
    assert container_id() != before
    run = playbook("deploy", "roll back again", {**new, "vllm_rollback": True})
    assert (run.rc, run.changed) == (0, 0), run.output[-4000:]


def test_a_taken_port_is_refused() -> None:
    result = module("vllm_container", {**OTHER, "arguments": command_line(MODEL), "port": PORT}, "port taken")
    assert not result["changed"]
    assert str(PORT) in result["msg"] and SERVER in result["msg"]
    assert OTHER["name"] not in containers()


@pytest.mark.parametrize(
    ("label", "model", "more", "exit_code", "diagnosis", "named"),
    [
        ("bad flag", MODEL, ["--no-such-flag"], 2, "unknown_flag", "--no-such-flag"),
        ("wrong model", "openai/gpt-oss-120b", [], 1, "model_not_cached", "hf_model"),
    ],
)
def test_a_start_that_fails_names_its_cause(
    label: str, model: str, more: list[str], exit_code: int, diagnosis: str, named: str
) -> None:
    wanted = {**OTHER, "model": model, "arguments": command_line(model, *more)}
    result = module("vllm_container", wanted, label)
    ended = docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", OTHER["name"])
    docker("rm", "--force", OTHER["name"])
    assert ended == f"exited {exit_code}", "the container is left as it died"
    assert (result["exit_code"], result["diagnosis"]) == (exit_code, diagnosis)
    assert named in result["msg"] and result["remedy"] and result["log"]


def test_a_dead_engine_is_noticed() -> None:
    kill = (
        "for comm in /proc/[0-9]*/comm; do"
        ' if [ "$(cat $comm)" = VLLM::EngineCor ]; then pid=${comm#/proc/}; kill -9 ${pid%/comm}; fi; done'
    )
    docker("exec", SERVER, "sh", "-c", kill)
    begun = time.monotonic()
    seen = []
    while docker("inspect", "--format", "{{.State.Running}}", SERVER) == "true":
        status = get("/health")[0]
        if status not in seen:
            seen.append(status)
            step(f"/health after the engine's death: {status}", time.monotonic() - begun)
        assert time.monotonic() - begun < 60, "the server outlived its engine"
    # vLLM ends in 0 here: a restart policy of on-failure would leave it down.
    assert 503 in seen
    assert docker("inspect", "--format", "{{.State.ExitCode}}", SERVER) == "0"
    step("exited with code 0 after the engine's death", time.monotonic() - begun)


def test_a_dead_server_is_reported() -> None:
    run = playbook("deploy", "deploy in check mode, server dead", check=True)
    assert run.rc == 0, run.output[-4000:]
    assert run.changed > 0
    assert re.search(r'-\s+"state": "exited"', run.output) and re.search(r'\+\s+"state": "running"', run.output)
    run = playbook("evaluate", "evaluate, server dead", {"evaluate_report_path": str(STATE / "report-dead")})
    assert run.rc == 2, "scores from before its death do not vouch for a server that is down"
    assert report("report-dead")["verdict"] == "missing"


def test_deploy_brings_a_dead_server_back() -> None:
    run = playbook("deploy", "deploy, server dead")
    assert run.rc == 0 and run.changed > 0, run.output[-4000:]
    assert get("/health")[0] == 200


def test_a_server_that_is_told_to_stop_ends_by_itself() -> None:
    begun = time.monotonic()
    docker("stop", "--time", "60", SERVER)
    ended = docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", SERVER)
    step(f"SIGTERM: {ended}", time.monotonic() - begun)
    assert ended == "exited 0"


def test_teardown_leaves_nothing() -> None:
    run = playbook("teardown", "teardown")
    assert run.rc == 0, run.output[-4000:]
    assert SERVER not in containers()
    assert get("/health") == (None, None)
    assert subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0
