"""The machine: runs the collection's playbooks and modules on it as a user would, and describes its servers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from record import StepFailed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MODEL, LARGE_MODEL = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
# NVLink multicast is left off, as a program that uses it can put GPUs that others share out of service.
_NO_MULTICAST = {
    "NCCL_NVLS_ENABLE": "0",
    "TORCH_SYMM_MEM_DISABLE_MULTICAST": "1",
    "NVSHMEM_DISABLE_NVLS": "1",
    "VLLM_ALLREDUCE_USE_SYMM_MEM": "0",
}
# Few sizes, as each costs seconds of a start. A step that begins a request beside 128 others has none.
_GRAPHS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Run:
    """How a command ended, with all that it printed."""

    rc: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        """What the recap of a playbook counts as changed."""
        return sum(int(count) for count in re.findall(r"ok=\d+\s+changed=(\d+)", self.output))

    def wanted(self, *codes: int) -> Run:
        """Return this run. Raises StepFailed when it ended with none of these codes."""
        if self.rc not in codes:
            raise StepFailed(f"wanted exit code {' or '.join(map(str, codes))}, found {self.rc}: {self.output[-900:]}")
        return self


class Machine:
    """This machine. What it has is told by the environment, which run.sh sets."""

    def __init__(self) -> None:
        self.state = Path(os.environ["ACCEPTANCE_STATE"])
        self.image = os.environ["ACCEPTANCE_IMAGE"]
        self.version = os.environ["ACCEPTANCE_VLLM_VERSION"]
        self.driver_folder = os.environ.get("ACCEPTANCE_DRIVER_FOLDER", "")
        self.python = os.environ["ACCEPTANCE_PYTHON"]
        self.docker_host = os.environ["ACCEPTANCE_DOCKER_HOST"]
        self.gpus = [gpu for gpu in os.environ.get("ACCEPTANCE_GPUS", "").split(",") if gpu]
        self.logs = self.state / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        # The first of a hundred ports for servers.
        self.port = int(os.environ.get("ACCEPTANCE_PORT", "28100"))
        self.preflight_folder = self.state / "preflight"
        self.servers: list[dict[str, Any]] = []
        self._end = time.monotonic() + 600
        self._number = len(list(self.logs.iterdir()))

    def limit(self, end: float) -> None:
        """Have no command run beyond `end` of the monotonic clock."""
        self._end = end

    @property
    def left(self) -> float:
        """The seconds that the step has left."""
        return max(1.0, self._end - time.monotonic())

    def entry(
        self,
        name: str,
        gpus: Sequence[str],
        port: int,
        *more: str,
        weights: str = "dummy",
        graphs: Sequence[int] = _GRAPHS,
        **options: Any,
    ) -> dict[str, Any]:
        """Return an entry of vllm_servers: dummy weights, few graphs, the GPUs by their nodes, the host's network."""
        volumes = [f"{self.driver_folder}:{self.driver_folder}:ro"] if gpus and self.driver_folder else []
        return {
            "name": name,
            "model": MODEL,
            "image": self.image,
            "vllm_version": self.version,
            "pull": "never",
            "network_mode": "host",
            "port": port,
            "gpus": ",".join(gpus) or "none",
            "gpu_access": "device_nodes",
            "volumes": volumes,
            "arguments": ["--load-format", weights, "--cudagraph-capture-sizes", *map(str, graphs), *more],
            "environment": _NO_MULTICAST if len(self.gpus) > 1 else {},
            # A dead server stays dead, to be looked at.
            "restart_policy": "no",
            "timeout": 400,
            **options,
        }

    @property
    def cdi(self) -> dict[str, Any]:
        """Options that ask for GPUs by CDI where the engine knows it; else none, and they come by their nodes."""
        version = self.docker("version", "--format", "{{.Server.Version}}")
        return {"gpu_access": "cdi", "volumes": []} if int(version.partition(".")[0]) >= 25 else {}

    def problems(self) -> list[dict[str, Any]]:
        """Return the problems that preflight found when it was asked; none where it was not."""
        reports = [json.loads(path.read_text()) for path in self.preflight_folder.glob("*.json")]
        return [row for report in reports for row in report["problems"]]

    def _borne(self) -> list[str]:
        """Return what is an error of this machine, is told by the step preflight, and does not stop the others."""
        # CDI works without the toolkit where its specification was written by hand, as cdi.py does.
        return sorted({"toolkit_missing", *(row["id"] for row in self.problems() if row["severity"] == "error")})

    def playbook(self, name: str, label: str, extra: Mapping[str, Any] | None = None, check: bool = False) -> Run:
        """Run one of the collection's playbooks, unchanged, on the servers in `self.servers`."""
        path = name if name.endswith(".yml") else f"playbooks/{name}.yml"
        variables = {"vllm_servers": self.servers, "preflight_accepted": self._borne(), **(extra or {})}
        command = [self._tool("ansible-playbook"), "-i", str(HERE / "inventory"), path, "-e", json.dumps(variables)]
        return self.command(label, [*command, *(["--check", "--diff"] if check else [])])

    def module(self, name: str, arguments: Mapping[str, Any], label: str, managed: bool = True) -> dict[str, Any]:
        """Run one module, in the managed environment or by the machine's own Python, and return its result."""
        python = str(self.state / "venv/bin/python") if managed else self.python
        command = [self._tool("ansible"), "all", "-i", str(HERE / "inventory"), "-m", f"gpt_oss.fleet.{name}"]
        command += ["-e", json.dumps({"ansible_python_interpreter": python})]
        command += ["-a", json.dumps(arguments)] if arguments else []
        run = self.command(label, command)
        if "=> {" not in run.output:
            raise StepFailed(f"{label}: found no result in {run.output[-900:]}")
        result, _rest = json.JSONDecoder().raw_decode(run.output[run.output.index("=> {") + 3 :])
        return {**result, "failed": "FAILED! =>" in run.output, "seconds": round(run.seconds, 1)}

    def command(self, label: str, command: Sequence[str]) -> Run:
        """Run a command within the step's limit; its output goes to the logs."""
        begun = time.monotonic()
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _none = process.communicate(timeout=self.left)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + "\n(ended at the step's limit)"
        run = Run(process.returncode, output, time.monotonic() - begun)
        self._number += 1
        name = f"{self._number:02}-{re.sub(r'[^a-z0-9]+', '-', label.lower())}.log"
        (self.logs / name).write_text(f"$ {' '.join(command)}\n{output}\nexit code {run.rc}, {run.seconds:.1f} s\n")
        return run

    def docker(self, *arguments: str, label: str = "") -> str:
        """Return what a docker command printed."""
        run = self.command(label or f"docker {arguments[0]}", ["docker", *arguments])
        return run.wanted(0).output.strip()

    def keep_log(self, server: str, label: str) -> list[str]:
        """Keep a container's log, and return its lines."""
        return self.docker("logs", server, label=f"log {label}").splitlines()

    def started(self, server: str) -> dict[str, Any]:
        """Return what the last start of a server that became ready took, as the module keeps it."""
        return dict(json.loads((self.state / "servers" / server / "start.json").read_text()))

    def gpu_memory(self) -> list[int]:
        """Return the memory in use of each GPU, in MiB; empty where there is none."""
        if not self.gpus:
            return []
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        return [int(line) for line in self.command("gpu memory", query).wanted(0).output.split()]

    def get(self, port: int, path: str) -> int | None:
        """Return the status of a GET; None where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def _tool(self, name: str) -> str:
        return str(self.state / "controller/bin" / name)


def processes(words: Iterable[str]) -> list[int]:
    """Return the processes whose name, or else command line, holds one of the words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "comm").read_text() + (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if any(word in text for word in words):
            found.append(int(folder.name))
    return sorted(found)
