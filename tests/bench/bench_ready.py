"""How soon vllm_container returns after a server became ready, and after one died; and what its wait costs.

    .venv/bin/python tests/bench/bench_ready.py [--runs N]

Needs a Docker Engine. Prints one line a measurement and ends with exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

import docker  # noqa: E402
from ansible.module_utils.testing import patch_module_args  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._stages import epoch, stage_of  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_container  # noqa: E402

IMAGE = "gpt-oss-fleet/vllm-simulator:integration"
MODEL = "openai/gpt-oss-20b"
READY_LIMIT = 0.3
DEATH_LIMIT = 1.0
COST_LIMIT = 0.01
_SLOW_START = 30.0


def run(parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the module in this process and return its result."""
    output = io.StringIO()
    with patch_module_args(parameters), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        vllm_container.main()
    return dict(json.loads(output.getvalue()))


def parameters(name: str, **configuration: Any) -> dict[str, Any]:
    """Return a simulated server's parameters."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "name": name,
        "image": IMAGE,
        "pull": "never",
        "model": MODEL,
        "arguments": [MODEL, "--host", "0.0.0.0"],
        "environment": {"VLLM_SIMULATOR": json.dumps(configuration)},
        "port": port,
        "gpus": "none",
        "timeout": 120,
        "stop_timeout": 5,
    }


def ready_delay(engine: docker.APIClient, name: str) -> float:
    """Return the seconds between the server's own word that it is up and the module's return."""
    result = run(parameters(name, start_seconds=2.0))
    back = time.time()
    if result.get("failed"):
        raise SystemExit(result["msg"])
    for line in engine.logs(name, timestamps=True).decode().splitlines():
        timestamp, _space, text = line.partition(" ")
        if stage_of(text) == "listening":
            return back - (epoch(timestamp) or back)
    raise SystemExit("the server never said that it was up")


def death_delay(engine: docker.APIClient, name: str) -> float:
    """Return the seconds between the container's end and the module's return."""
    result = run(parameters(name, start_seconds=2.0, faults=[{"kind": "die", "stage": "load"}]))
    back = time.time()
    if result.get("stage") != "weights":
        raise SystemExit(f"expected a death in stage weights, got {result}")
    return back - (epoch(engine.inspect_container(name)["State"]["FinishedAt"]) or back)


def waiting_cost(name: str) -> float:
    """Return the share of one core that a long wait takes, less what a short one takes anyhow."""
    seconds = []
    for start_seconds in (1.0, _SLOW_START):
        begin = time.process_time()
        run(parameters(f"{name}-{start_seconds:g}", start_seconds=start_seconds))
        seconds.append(time.process_time() - begin)
    return (seconds[1] - seconds[0]) / (_SLOW_START - 1.0)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    builder = ROOT / "roles" / "vllm_simulator" / "files" / "image.py"
    subprocess.run([sys.executable, str(builder), "--image", IMAGE], check=True, stdout=subprocess.DEVNULL)
    engine = docker.APIClient(version="auto")
    prefix = f"bench-{secrets.token_hex(3)}"
    try:
        rows = [
            (
                "ready -> return, worst",
                max(ready_delay(engine, f"{prefix}-r{n}") for n in range(runs)),
                READY_LIMIT,
                "s",
            ),
            (
                "death -> return, worst",
                max(death_delay(engine, f"{prefix}-d{n}") for n in range(runs)),
                DEATH_LIMIT,
                "s",
            ),
            ("a long wait's share of a core", waiting_cost(prefix), COST_LIMIT, ""),
        ]
    finally:
        for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
            engine.remove_container(container["Id"], force=True)
    for label, value, limit, unit in rows:
        print(f"{label:32} {value:7.4f} {unit:1}  limit {limit:g}  {'ok' if value <= limit else 'MISSED'}")
    return int(any(value > limit for _label, value, limit, _unit in rows))


if __name__ == "__main__":
    sys.exit(main())
