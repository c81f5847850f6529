"""The steps on one GPU, the most valuable first."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import load
from client import ClientSteps
from common_steps import CommonSteps
from machine import MODEL, processes
from record import Step, expect

SERVER = "acceptance-20b"


class SingleSteps(CommonSteps):
    """What one GPU can show."""

    def steps(self) -> Iterator[Step]:
        """Yield the steps in their order."""
        machine = self.machine
        self.port, self.other_port = machine.port, machine.port + 1
        self.server = machine.entry(SERVER, machine.gpus[:1], self.port)
        machine.servers = [self.server]
        serving = ("deploy, empty caches",)
        yield Step("gpu_info", self.census, 30)
        yield Step("preflight", self.preflight, 40)
        yield Step("models", self.models, 120)
        if machine.gpus:
            yield Step("gpu_proof", self.proof, 60)
        yield Step("deploy, empty caches", self.cold, 300, ("models",))
        yield Step("smoke test refuses weights of chance", self.smoke_refuses, 60, serving)
        yield Step("tokens a second", partial(self.speed, self.port), 60, serving)
        yield Step("eval, both tasks, three efforts", partial(self.evaluate, "eval"), 60, serving)
        yield Step("collect_env", self.collect_env, 90, serving)
        yield Step("status, busy and idle", self.liveness, 60, serving)
        if self.has_fingerprint:
            yield Step("fingerprint", partial(self.fingerprint, [self.server]), 90, serving)
        yield Step("port taken", self.port_taken, 40, serving)
        yield Step("out of memory beside another server", self.out_of_memory, 120, serving)
        yield Step("deploy again", self.deploy_again, 60, serving)
        yield Step("engine killed", self.engine_killed, 60, serving)
        yield Step("deploy, kept caches", partial(self.warm, "deploy with kept caches"), 240, ("engine killed",))
        yield Step("deploy anew, kept caches", self.anew, 240, serving)
        yield Step("too many GPUs asked for", self.too_many_gpus, 40, ("models",))
        yield Step("teardown", self.on([self.server], self.teardown), 90)
        yield from ClientSteps(machine).steps()

    def cold(self) -> dict[str, Any]:
        """The first deployment: nothing was compiled before."""
        found = self.deploy("deploy with empty caches", [self.server])
        (self.machine.state / "first-start.json").write_text(json.dumps(found[SERVER]["ready_seconds"]))
        return found

    def smoke_refuses(self) -> dict[str, Any]:
        """With an answer expected, the same server does not pass."""
        folder = self.machine.state / "smoke"
        told = {"vllm_smoke_expect": "Paris", "vllm_smoke_report_path": str(folder)}
        run = self.machine.playbook("smoke", "smoke that expects Paris", told).wanted(2)
        server = json.loads((folder / "smoke.json").read_text())["hosts"][0]["servers"][0]
        failed = [f"{check['name']}: {check['detail'][:160]}" for check in server["checks"] if not check["ok"]]
        expect(bool(failed), "wanted failed checks in the smoke test's report, found none")
        return {
            "failed": len(failed),
            "of": len(server["checks"]),
            "first": failed[0],
            "seconds": round(run.seconds, 1),
        }

    def liveness(self) -> dict[str, Any]:
        """status tells a server that works from one that waits."""
        idle = self.status("status, idle", 0)
        with load.in_background(self.port, MODEL):
            time.sleep(1)
            busy = self.status("status, busy", 0)
        return {"idle": idle, "busy": busy}

    def port_taken(self) -> dict[str, Any]:
        """A port that somebody else holds is refused before anything is changed."""
        with socket.create_server(("127.0.0.1", self.other_port)):
            result = self._other({"port": self.other_port}, "port taken")
        expect(result.get("diagnosis") == "port_allocated", f"wanted port_allocated, found {str(result)[:600]}")
        return {"msg": result["msg"], "seconds": result["seconds"]}

    def out_of_memory(self) -> dict[str, Any]:
        """A second server finds no memory beside the first one."""
        result = self._other({"port": self.other_port}, "out of memory")
        self.machine.command("log out of memory", ["docker", "logs", f"{SERVER}-other"])
        self.machine.command("remove", ["docker", "rm", "--force", f"{SERVER}-other"])
        told = {key: result.get(key) for key in ("diagnosis", "stage", "exit_code", "cause", "remedy", "seconds")}
        wanted = ("free_memory", "gpu_out_of_memory", "gpu_busy", "no_kv_room")
        expect(not self.machine.gpus or told["diagnosis"] in wanted, f"wanted one of {wanted}, found {told}")
        return told

    def engine_killed(self) -> dict[str, Any]:
        """The death of the engine is told at once, though the container ends with exit code 0."""
        killed = processes(["VLLM::EngineCor", "vllm-simulator"])
        expect(bool(killed), "wanted the engine's process, found none")
        begun = time.monotonic()
        os.kill(killed[0], signal.SIGKILL)
        seen: list[tuple[float, int | None]] = []
        while time.monotonic() - begun < 12 and (not seen or seen[-1][1] is not None):
            status = self.machine.get(self.port, "/health")
            if not seen or seen[-1][1] != status:
                seen.append((round(time.monotonic() - begun, 2), status))
            time.sleep(0.1)
        state = self.machine.docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", SERVER)
        told = self.status("status, engine killed", 2)
        self.machine.keep_log(SERVER, "engine killed")
        verdicts = [row[0] for row in told["servers"].values()]
        expect(verdicts == ["dead"], f"wanted the verdict dead, found {told}")
        return {"health": seen, "container": state, "status": told, "memory_mib": self.machine.gpu_memory()}

    def warm(self, label: str) -> dict[str, Any]:
        """Deployed again, the server finds what was compiled before: in what part of the time it is ready."""
        memory = self.machine.state / "first-start.json"
        found = self.deploy(label, [self.server])
        cold, warm = json.loads(memory.read_text()), found[SERVER]["ready_seconds"]
        return found | {"cold": cold, "warm": warm, "ratio": round(warm / cold, 3)}

    def anew(self) -> dict[str, Any]:
        """A new container finds what an earlier one compiled, in the caches' folder alone."""
        self.machine.docker("rm", "--force", SERVER)
        return self.warm("deploy anew with kept caches")

    def too_many_gpus(self) -> dict[str, Any]:
        """More GPUs than there are, are refused before a server is touched."""
        before, self.machine.servers = self.machine.servers, [{**self.server, "gpus": "0,1,2,3,4,5,6,7"}]
        try:
            run = self.machine.playbook("serve", "too many GPUs")
        finally:
            self.machine.servers = before
        expect(not self.machine.gpus or run.rc == 2, f"wanted a refusal, found exit code {run.rc}")
        return {"rc": run.rc, "seconds": round(run.seconds, 1)}

    def _other(self, changes: dict[str, Any], label: str) -> dict[str, Any]:
        """Start another server by the module, on the same GPU as the first."""
        mounts = [f"{self.machine.state}/huggingface:/root/.cache/huggingface", *self.server["volumes"]]
        vocabulary = f"{self.machine.state}/servers/vocabulary:/srv/gpt_oss/vocabulary:ro"
        arguments = [
            MODEL,
            "--host",
            "127.0.0.1",
            "--port",
            str(self.other_port),
            *self.server["arguments"],
            "--enforce-eager",
        ]
        told = {
            **{
                key: self.server[key]
                for key in ("image", "pull", "model", "network_mode", "gpus", "gpu_access", "timeout")
            },
            "name": f"{SERVER}-other",
            "arguments": arguments,
            "environment": {"HF_HUB_OFFLINE": "1", "TIKTOKEN_ENCODINGS_BASE": "/srv/gpt_oss/vocabulary"},
            "volumes": [*mounts, vocabulary],
            "state_path": f"{self.machine.state}/servers",
            "docker_host": self.machine.docker_host,
            "restart_policy": "no",
            **changes,
        }
        return self.machine.module("vllm_container", told, label)
