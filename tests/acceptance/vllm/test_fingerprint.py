"""Whether fingerprints of real vLLM agree where the weights are the same, and do not where one layer has noise.

Servers of its own: with usual settings, with others (batches, prefix cache), and with 2 % noise in one of two layers.
run.sh sets the variables of the environment; the managed environment must be there (a deploy makes it).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import IMAGE, MODEL, PORT, ROOT, SERVER, STATE, docker, module, step

sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_distance import distance  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Unit  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_judgement import judge  # noqa: E402

TINY_MODEL = Path(os.environ["ACCEPTANCE_MODEL"])
SPOILT_MODEL = STATE / "fingerprint-model"
USUAL, OTHER, SPOILT = "usual", "other", "spoilt"
PORTS = {USUAL: PORT + 11, OTHER: PORT + 12, SPOILT: PORT + 13}
ARGUMENTS = f"/model --served-model-name {MODEL} --host 0.0.0.0 --port 8000 --enforce-eager --dtype bfloat16".split()
SETTINGS = {OTHER: "--max-num-seqs 2 --max-num-batched-tokens 512 --no-enable-prefix-caching"}
# What a fingerprint may take.
SECONDS = 60.0


def wanted(name: str) -> dict[str, Any]:
    model = SPOILT_MODEL if name == SPOILT else TINY_MODEL
    return {
        "name": f"{SERVER}-fingerprint-{name}",
        "image": IMAGE,
        "pull": "never",
        "model": MODEL,
        "arguments": [*ARGUMENTS, "--max-model-len", "4096", *SETTINGS.get(name, "").split()],
        # The image has no C++ compiler, which PyTorch wants for the ranks of log-probabilities.
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "TORCH_COMPILE_DISABLE": "1"},
        "volumes": [f"{model}:/model:ro"],
        "port": PORTS[name],
        "gpus": "none",
        "ipc_mode": "private",
        "shm_size": "1g",
        "restart_policy": "no",
        # Three start at once, on a machine that may have other work.
        "timeout": 1800,
        "stage_timeouts": dict.fromkeys(("created", "api_process", "engine", "listening", "healthy"), 1500),
    }


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    shutil.rmtree(SPOILT_MODEL, ignore_errors=True)
    python = os.environ["ACCEPTANCE_VLLM_PYTHON"]
    script = str(Path(__file__).parent / "spoil_model.py")
    subprocess.run([python, script, str(TINY_MODEL), str(SPOILT_MODEL)], check=True)
    try:
        for wait in (False, True):
            for name in PORTS:
                result = module("vllm_container", {**wanted(name), "wait": wait}, f"server {name}, wait {wait}")
                assert "msg" not in result, result["msg"]
        yield
    finally:
        for name in PORTS:
            with (STATE / "logs" / f"vllm-{name}.log").open("w") as log:
                subprocess.run(["docker", "logs", wanted(name)["name"]], stdout=log, stderr=log, check=False)
        docker("rm", "--force", *(f"{SERVER}-fingerprint-{name}" for name in PORTS))
        shutil.rmtree(SPOILT_MODEL)


def take(name: str, label: str, repeats: int = 1) -> dict[str, Any]:
    url = f"http://127.0.0.1:{PORTS[name]}/v1"
    arguments = {"base_url": url, "model": MODEL, "repeats": repeats, "timeout": 600}
    row = module("vllm_fingerprint", arguments, label)
    assert row.get("replies"), row.get("msg")
    assert not row["too_long"] and not row["simulated"]
    step(f"{label}: {row['repeat']}", row["seconds"])
    return {**row, "server": name, "model": MODEL}


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    return take(USUAL, "fingerprint", repeats=2)


def same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    found = distance(row["replies"], other["replies"])
    step(f"distance: {found}", row["seconds"])
    return found.mean < 0.001 and found.n_top == 0 and found.n > 1000


def test_a_fingerprint_takes_less_than_a_minute_and_repeats(usual: dict[str, Any]) -> None:
    assert usual["repeat"]["mean"] < 0.001
    # Where other work keeps the processors busy, time tells nothing of fingerprints.
    assert usual["seconds"] < SECONDS or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def test_it_is_the_same_beside_other_requests(usual: dict[str, Any]) -> None:
    """The texts then share their steps with requests that are decoded."""
    over = threading.Event()
    api = Api(f"http://127.0.0.1:{PORTS[USUAL]}/v1", timeout=600)

    def work() -> None:
        while not over.is_set():
            api.post("completions", {"model": MODEL, "prompt": "Hi", "max_tokens": 64, "ignore_eos": True})

    workers = [threading.Thread(target=work) for _number in range(4)]
    for worker in workers:
        worker.start()
    try:
        assert same(take(USUAL, "fingerprint beside other requests"), usual)
    finally:
        over.set()
        for worker in workers:
            worker.join()


def test_it_is_the_same_with_other_batches_and_no_prefix_cache(usual: dict[str, Any]) -> None:
    assert same(take(OTHER, "fingerprint with other settings"), usual)


def test_it_is_the_same_after_a_restart(usual: dict[str, Any]) -> None:
    docker("restart", f"{SERVER}-fingerprint-{USUAL}")
    end = time.monotonic() + 900
    while not ready():
        assert time.monotonic() < end, "the server did not come back"
        time.sleep(2)
    assert same(take(USUAL, "fingerprint after a restart"), usual)


def ready() -> bool:
    try:
        return Api(f"http://127.0.0.1:{PORTS[USUAL]}/v1").health() == 200
    except ApiError:
        return False


def test_noise_in_one_layer_is_found(usual: dict[str, Any]) -> None:
    rows = [usual, take(OTHER, "of the fleet"), take(SPOILT, "fingerprint with noise in one layer")]
    units = [Unit(f"host{number}", row) for number, row in enumerate(rows)]
    judged = judge(units, units)
    step(f"verdict: {judged[-1].reasons[0]}", rows[-1]["seconds"])
    assert [each.verdict for each in judged] == ["good", "good", "bad"]
    [against_accepted] = judge(units[2:], units[:1])
    assert against_accepted.verdict == "bad"
