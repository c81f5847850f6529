"""How soon vllm_container returns after a server became ready, and after one died; and what its wait costs.

Once for the module alone, and once as ansible-playbook shows it: there a process on the host watches, and the
controller follows that. What ansible-playbook takes while it waits for any task at all is told beside it.

    .venv/bin/python tests/bench/bench_ready.py [--runs N]

Needs a Docker Engine. Prints one line a measurement and ends with exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
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


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - gpt_oss.fleet.vllm_container: "{{ server }}"
"""


class Playbook:
    """One run of ansible-playbook on this machine; its lines are read as they come."""

    def __init__(self, folder: Path, server: dict[str, Any]) -> None:
        self.state_path = folder / "servers"
        self.name = server["name"]
        (folder / "play.yml").write_text(PLAY)
        variables = {
            "server": {**server, "state_path": str(self.state_path)},
            "ansible_python_interpreter": sys.executable,
            "gpt_oss_progress": "live",
        }
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "h1,", "-c", "local"]
        self.process = subprocess.Popen(
            [*command, "-e", json.dumps(variables), folder / "play.yml"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def line(self, text: str) -> float:
        """Return the time at which a line with the text came."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return time.time()
        raise SystemExit(f"ansible-playbook never said {text!r}")

    def end(self) -> None:
        """Read to the end."""
        self.process.communicate()

    def status(self) -> dict[str, Any]:
        """Return what the watch on the host tells."""
        return dict(json.loads((self.state_path / self.name / "status.json").read_text()))


def shown_ready_delay(engine: docker.APIClient, name: str) -> float:
    """Return the seconds between the first good completion and the line that tells of it."""
    with tempfile.TemporaryDirectory() as folder:
        run = Playbook(Path(folder), parameters(name, start_seconds=4.0))
        shown = run.line("ready after")
        run.end()
        started = epoch(engine.inspect_container(name)["State"]["StartedAt"]) or shown
        return shown - started - float(run.status()["server"]["startup_seconds"]["first_completion"])


def shown_death_delay(engine: docker.APIClient, name: str) -> float:
    """Return the seconds between a container's end and the line that tells of it."""
    with tempfile.TemporaryDirectory() as folder:
        run = Playbook(Path(folder), parameters(name, start_seconds=6.0, faults=[{"kind": "die", "stage": "load"}]))
        shown = run.line("fatal:")
        run.end()
        return shown - (epoch(engine.inspect_container(name)["State"]["FinishedAt"]) or shown)


def cpu_seconds(pid: int, own_only: bool = False) -> float:
    """Return what a process and its children, those that ended included, have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(int(value) for value in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    if own_only:
        return used
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return used + sum(cpu_seconds(int(child)) for child in children)


def shown_waiting_cost(name: str) -> tuple[float, float]:
    """Return the shares of a core that the watch on the host and ansible-playbook take during a long wait."""
    with tempfile.TemporaryDirectory() as folder:
        run = Playbook(Path(folder), parameters(name, start_seconds=_SLOW_START + 10))
        # The module has done its part once there is a line of progress.
        run.line("in all")
        watcher = int(run.status()["pid"])
        begun = time.monotonic()
        before = cpu_seconds(watcher, own_only=True), cpu_seconds(run.process.pid)
        time.sleep(_SLOW_START - 10)
        after = cpu_seconds(watcher, own_only=True), cpu_seconds(run.process.pid)
        seconds = time.monotonic() - begun
        run.end()
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds


def plain_waiting_cost() -> float:
    """Return the share of a core that ansible-playbook takes while a task does nothing but sleep."""
    sleep = ["-m", "ansible.builtin.command", "-a", f"sleep {_SLOW_START:g}"]
    command = [Path(sys.executable).parent / "ansible", "all", "-i", "h1,", "-c", "local", *sleep]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        time.sleep(6.0)
        begun, before = time.monotonic(), cpu_seconds(process.pid)
        time.sleep(_SLOW_START - 10)
        if process.poll() is not None:
            raise SystemExit("a task that sleeps ended early")
        return (cpu_seconds(process.pid) - before) / (time.monotonic() - begun)


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
            (
                "ready -> shown by ansible-playbook",
                max(shown_ready_delay(engine, f"{prefix}-sr{n}") for n in range(runs)),
                READY_LIMIT,
                "s",
            ),
            (
                "death -> shown by ansible-playbook",
                max(shown_death_delay(engine, f"{prefix}-sd{n}") for n in range(runs)),
                DEATH_LIMIT,
                "s",
            ),
        ]
        on_host, on_controller = shown_waiting_cost(f"{prefix}-c")
        plain = plain_waiting_cost()
        rows += [
            ("the watch's share of a core, host", on_host, COST_LIMIT, ""),
            (f"following it ({on_controller:.4f}) less a plain wait", on_controller - plain, COST_LIMIT, ""),
        ]
    finally:
        for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
            engine.remove_container(container["Id"], force=True)
    for label, value, limit, unit in rows:
        print(f"{label:42} {value:7.4f} {unit:1}  limit {limit:g}  {'ok' if value <= limit else 'MISSED'}")
    return int(any(value > limit for _label, value, limit, _unit in rows))


if __name__ == "__main__":
    sys.exit(main())
