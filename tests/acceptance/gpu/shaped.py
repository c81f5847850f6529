"""The steps that need weights with a shape: a fingerprint of each GPU, all the same, and then one that is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import load
from common_steps import CommonSteps, distance
from machine import HERE, Machine
from make_weights import FILE
from record import Step, expect

MODEL = "acceptance/four-layers"
# All GPUs but the last one are replicas of one entry; the last one's server is the one that is spoilt.
OTHERS, LAST = "acceptance-shaped", "acceptance-shaped-last"


class ShapedSteps(CommonSteps):
    """A server for each GPU, all with the same weights; then the last one's are noisy."""

    def __init__(self, machine: Machine, port: int) -> None:
        super().__init__(machine)
        self.port = port
        self.baseline = machine.state / "fingerprints.json"

    def steps(self) -> Iterator[Step]:
        """Yield the steps in their order."""
        servers = self.servers()
        on = partial(self.on, servers)
        yield Step("weights with a shape", partial(self.weights, MODEL), 180)
        made, served = ("weights with a shape",), ("deploy, weights with a shape",)
        yield Step(served[0], on(partial(self.deployed, "deploy shaped")), 300, made)
        yield Step("fingerprint, GPUs agree", on(self.agree), 120, served)
        yield Step("fingerprint beside other requests", on(self.beside_requests), 120, served)
        yield Step("fingerprint names the GPU whose weights are noisy", self.noisy, 400, ("fingerprint, GPUs agree",))
        yield Step("teardown, weights with a shape", on(self.teardown), 60, made)

    def servers(self, *mounts: str) -> list[dict[str, Any]]:
        """Return the entries; the mounts are those of the last GPU's server."""
        gpus, told = self.machine.gpus, {"model": MODEL, "tensor_parallel_size": 1}
        count = max(1, len(gpus[:-1]))
        others = self.machine.entry(OTHERS, gpus[:-1], self.port, weights="auto", replicas=count, **told)
        last = self.machine.entry(LAST, gpus[-1:], self.port + count, weights="auto", **told)
        return [others, {**last, "volumes": [*last["volumes"], *mounts]}]

    def deployed(self, label: str) -> dict[str, Any]:
        """Deploy them. Texts of chance may break Harmony's format, so the smoke test may fail; all must be up."""
        run = self.machine.playbook("deploy", label).wanted(0, 2)
        names = [name for server in self.machine.servers for name in self.names(server)]
        for name in names:
            self.machine.keep_log(name, f"{label} {name}")
        up = {name: self.machine.get(self.port + offset, "/health") for offset, name in enumerate(names)}
        expect(set(up.values()) == {200}, f"wanted all servers up, found {up}: {run.output[-1200:]}")
        return {"rc": run.rc, "playbook_seconds": round(run.seconds, 1)} | {name: self._start(name) for name in names}

    def agree(self) -> dict[str, Any]:
        """All servers agree, and what they agree on is kept."""
        found = self.fingerprint(self.machine.servers)
        run = self._judged("fingerprint, accept", vllm_fingerprint_accept=True)
        expect(run.rc == 0 and self.baseline.exists(), f"wanted servers that agree, found {run.output[-1200:]}")
        return found

    def beside_requests(self) -> dict[str, Any]:
        """How far the same server is from itself while it computes other requests too."""
        told = {"base_url": f"http://127.0.0.1:{self.port}/v1", "model": MODEL}
        alone = self.machine.module("vllm_fingerprint", told, "fingerprint alone", managed=False)
        with load.in_background(self.port, MODEL):
            time.sleep(1)
            busy = self.machine.module("vllm_fingerprint", told, "fingerprint beside requests", managed=False)
        return {"seconds": busy.get("seconds"), "repeat": busy.get("repeat")} | distance(alone, busy)

    def noisy(self) -> dict[str, Any]:
        """With one layer's experts damaged on one GPU, that GPU is named, and no other."""
        machine = self.machine
        hub = machine.state / "huggingface/hub"
        blob = next(hub.glob(f"models--{MODEL.replace('/', '--')}/snapshots/*/{FILE}")).resolve()
        spoilt = machine.state / "spoilt.safetensors"
        machine.command(
            "spoil weights", [self.machine.python, str(HERE / "make_weights.py"), "--spoil", str(blob), str(spoilt)]
        ).wanted(0)
        inside = Path("/root/.cache/huggingface/hub") / blob.relative_to(hub)
        machine.servers = self.servers(f"{spoilt}:{inside}:ro")
        started = self.deployed("deploy spoilt")
        run = self._judged("fingerprint, one GPU noisy")
        said = " ".join(run.output.split())
        wanted = (f"is BAD: {LAST} differs", f"look at GPU {machine.gpus[-1]}")
        expect(run.rc == 2 and all(words in said for words in wanted), f"wanted {wanted}, found {said[-1500:]}")
        expect(f"{OTHERS}-0 differs" not in said, f"wanted {LAST} alone, found {said[-1500:]}")
        found = self.fingerprint(machine.servers)
        return {"said": run.output[-1500:], "started": started[LAST], "distances": found}

    def _judged(self, label: str, **extra: Any) -> Any:
        told = {"vllm_fingerprint_baseline": str(self.baseline), **extra}
        return self.machine.playbook("fingerprint", label, told)
