"""The steps on several GPUs: a server on two of them, gpt-oss-120b's architecture on all, a replica on each."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from client import ClientSteps
from common_steps import CommonSteps
from machine import LARGE_MODEL, Machine, processes
from record import Step, expect
from shaped import ShapedSteps

_PAIR, _REPLICA = "acceptance-tp2", "acceptance-20b"


def _count(gpus: Sequence[str]) -> int:
    """Return how many servers, or parts of one, there are on GPUs; two where the steps are tried without any."""
    return len(gpus) or 2


class SeveralSteps(CommonSteps):
    """What two GPUs and more can show. `groups` are the parts wanted of it, in their order; none: all."""

    def __init__(self, machine: Machine, groups: Sequence[str] = ()) -> None:
        super().__init__(machine)
        self.groups = groups

    def steps(self) -> Iterator[Step]:
        """Yield the steps in their order."""
        machine = self.machine
        self.pair_port, self.replica_port, self.large_port = (machine.port + 20 * part for part in range(3))
        self.all = [self._replicas(_REPLICA, machine.gpus, self.replica_port)]
        machine.servers = self.all
        yield Step("gpu_info", self.census, 30)
        yield Step("preflight", self.preflight, 40)
        yield Step("models", self.models, 120)
        if machine.gpus:
            yield Step("gpu_proof", self.proof, 60)
        groups: dict[str, Callable[[], Iterator[Step]]] = {
            "pair": self._pair_steps,
            "replicas": self._replica_steps,
            "shaped": self._shaped_steps,
            "large": self._large_steps,
            "client": lambda: ClientSteps(machine).steps(),
        }
        unknown = sorted(set(self.groups) - set(groups))
        if unknown:
            sys.exit(f"ACCEPTANCE_STEPS: wanted several, or some of {', '.join(groups)}; found {', '.join(unknown)}")
        for name in self.groups or groups:
            yield from groups[name]()

    def _pair_steps(self) -> Iterator[Step]:
        machine = self.machine
        first, rest = machine.gpus[:2], machine.gpus[2:] or machine.gpus[:2]
        pair = machine.entry(_PAIR, first, self.pair_port, tensor_parallel_size=2)
        replicas = machine.entry(_REPLICA, rest, self.replica_port, tensor_parallel_size=1, replicas=_count(rest))
        together = [pair, replicas] if machine.gpus[2:] else [pair]
        on = partial(self.on, together)
        yield Step(
            "deploy, two GPUs a server",
            on(partial(self.deploy, "deploy tensor parallel 2", together)),
            300,
            ("models",),
        )
        served = ("deploy, two GPUs a server",)
        yield Step("eval, two GPUs a server", on(partial(self.evaluate, "eval pair")), 90, served)
        yield Step(
            "tokens a second, two GPUs a server",
            partial(self.speed, self.pair_port, concurrencies=(1, 128)),
            60,
            served,
        )
        if self.has_fingerprint:
            yield Step("fingerprint, two GPUs a server", on(partial(self.fingerprint, together)), 120, served)
        if machine.gpus:
            yield Step("worker killed", on(self.worker_killed), 60, served)
        yield Step("teardown, two GPUs a server", on(self.teardown), 60, served)

    def _shaped_steps(self) -> Iterator[Step]:
        if self.has_fingerprint:
            yield from ShapedSteps(self.machine, self.machine.port + 60).steps()

    def _replicas(self, name: str, gpus: list[str], port: int, *more: str, **options: Any) -> dict[str, Any]:
        told = {"tensor_parallel_size": 1, "replicas": _count(gpus), **self.machine.cdi, **options}
        return self.machine.entry(name, gpus, port, *more, **told)

    def _large_steps(self) -> Iterator[Step]:
        server = self.machine.entry(
            "acceptance-120b",
            self.machine.gpus,
            self.large_port,
            model=LARGE_MODEL,
            tensor_parallel_size=_count(self.machine.gpus),
        )
        served, on = ("deploy, 120b on all GPUs",), partial(self.on, [server])
        yield Step(served[0], on(partial(self.deploy, "deploy 120b", [server])), 300, ("models",))
        yield Step("eval, 120b", on(partial(self.evaluate, "eval 120b")), 90, served)
        yield Step("tokens a second, 120b", partial(self.speed, self.large_port, LARGE_MODEL, (1, 128)), 60, served)
        if self.has_fingerprint:
            yield Step("fingerprint, 120b", on(partial(self.fingerprint, [server])), 90, served)
        yield Step("collect_env, 120b", on(self.collect_env), 90, served)
        yield Step("teardown, 120b", on(self.teardown), 60, served)

    def _replica_steps(self) -> Iterator[Step]:
        served, on = ("deploy, a server for each GPU",), partial(self.on, self.all)
        yield Step(served[0], on(partial(self.deploy, "deploy replicas", self.all)), 300, ("models",))
        yield Step("eval, replicas one by one", on(partial(self.evaluate, "eval replicas")), 120, served)
        together = partial(self.evaluate, "eval replicas together", evaluate_replicas="together")
        yield Step("eval, all replicas together", on(together), 120, served)
        if self.machine.gpus:
            yield Step("each replica is on its GPU", self.whose_gpu, 30, served)
        if self.has_fingerprint:
            yield Step("fingerprint, replicas", on(partial(self.fingerprint, self.all)), 120, served)
        yield Step("status, replicas", on(partial(self.status, "status replicas", 0)), 60, served)
        yield Step("one engine of many killed", on(self.one_killed), 60, served)
        back = on(partial(self.deploy, "deploy one of many", self.all))
        yield Step("deploy, one of many", back, 200, ("one engine of many killed",))
        yield Step("teardown, replicas", on(self.teardown), 60, served)

    def worker_killed(self) -> dict[str, Any]:
        """One of two workers dies: the server is told to be dead, the others are not."""
        killed = processes(["VLLM::Worker"])
        expect(bool(killed), "wanted a worker's process, found none")
        for pid in killed[-1:]:
            os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        while self.machine.get(self.pair_port, "/health") is not None and time.monotonic() - begun < 20:
            time.sleep(0.2)
        gone = round(time.monotonic() - begun, 1)
        told = self.status("status, worker killed", 2)
        self.machine.keep_log(_PAIR, "worker killed")
        expect(told["servers"][_PAIR][0] == "dead", f"wanted the verdict dead, found {told}")
        return {"refused_after_seconds": gone, "status": told}

    def one_killed(self) -> dict[str, Any]:
        """Of several servers the one whose engine died is named, and no other."""
        name = self.names(self.all[0])[0]
        inside = {int(line.split()[1]) for line in self.machine.docker("top", name).splitlines()[1:]}
        killed = [pid for pid in processes(["VLLM::EngineCor"]) if pid in inside]
        expect(bool(killed), f"wanted the engine's process of {name}, found none")
        os.kill(killed[0], signal.SIGKILL)
        time.sleep(6)
        told = self.status("status, one engine killed", 2)
        dead = [server for server, row in told["servers"].items() if row[0] == "dead"]
        expect(dead == [name], f"wanted {name} alone to be dead, found {told}")
        return told

    def whose_gpu(self) -> dict[str, Any]:
        """Each server's engine uses the GPU that was meant for it, as its container's nodes and nvidia-smi say."""
        found = {}
        for name in [name for server in self.all for name in self.names(server)]:
            devices = self.machine.docker("inspect", "--format", "{{json .HostConfig.DeviceRequests}}", name)
            top = self.machine.docker(
                "exec", name, "nvidia-smi", "--query-gpu=uuid,memory.used", "--format=csv,noheader"
            )
            found[name] = {"asked": devices[:200], "sees": top}
        seen = [row["sees"].split(",")[0] for row in found.values()]
        expect(len(set(seen)) == len(seen), f"wanted a GPU of its own for each, found {found}")
        return found
