"""What is shown on a machine with one GPU and with several: what it has, a deployment, a smoke test, an eval."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import load
from machine import HERE, MODEL, ROOT, Machine
from make_weights import FILE
from record import expect

Found = Callable[[], dict[str, Any]]
# What must never be among the outcomes of an eval on weights of chance.
_ERRORS = ("n_errors", "n_refused", "n_timeouts")


class CommonSteps:
    """Each method is a step: it returns what it found, and raises StepFailed where that is not what is wanted."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def has_fingerprint(self) -> bool:
        """Whether the collection has the playbook fingerprint."""
        return (ROOT / "playbooks/fingerprint.yml").exists()

    def on(self, servers: Sequence[dict[str, Any]], run: Found) -> Found:
        """Return a step that is about these servers."""

        def about() -> dict[str, Any]:
            self.machine.servers = list(servers)
            return run()

        return about

    def census(self) -> dict[str, Any]:
        """gpu_info tells the GPUs that are there."""
        gpu = self.machine.module("gpu_info", {}, "gpu_info", managed=False)["gpu"]
        devices = [{key: row[key] for key in ("index", "name", "minor", "memory_total_mib")} for row in gpu["devices"]]
        found = {
            "devices": devices,
            "driver": {key: gpu["driver"][key] for key in ("version", "flavour", "cuda_version")},
            "smi": gpu["smi"]["state"],
            "fabric": [row["fabric"]["state"] for row in gpu["devices"]],
            "nvswitches": gpu["nvswitches"],
            "kernel_log": gpu["kernel_log"],
        }
        if self.machine.gpus:
            expect(
                gpu["smi"]["state"] == "ok" and len(devices) == gpu["present"] > 0, f"wanted all GPUs, found {found}"
            )
        return found

    def preflight(self) -> dict[str, Any]:
        """preflight lists all problems; what is an error here is borne by the deployments that follow, and told."""
        folder = self.machine.preflight_folder
        run = self.machine.playbook(str(HERE / "look.yml"), "preflight", {"preflight_report_path": str(folder)}).wanted(
            0
        )
        told = [f"{row['severity']} {row['id']}: {row['found']}" for row in self.machine.problems()]
        return {"problems": told, "seconds": round(run.seconds, 1)}

    def models(self) -> dict[str, Any]:
        """The managed environment from wheels, and both models from their folders; a second run changes nothing."""
        first = self.machine.playbook("models", "models").wanted(0)
        again = self.machine.playbook("models", "models again").wanted(0)
        expect(again.changed == 0, f"wanted a second run that changes nothing, found {again.changed} changes")
        return {"seconds": round(first.seconds, 1), "seconds_again": round(again.seconds, 1), "changed": first.changed}

    def weights(self, repo_id: str, *flags: str) -> dict[str, Any]:
        """Make a model's weights, and have them verified in the cache as any model is."""
        machine, begun = self.machine, time.monotonic()
        folder, source = machine.state / "models" / repo_id.partition("/")[2], machine.state / "models/gpt-oss-20b"
        if not (folder / FILE).exists():
            make = [machine.python, str(HERE / "make_weights.py"), *flags, str(source), str(folder)]
            machine.command(f"make weights {repo_id}", make).wanted(0)
        made = round(time.monotonic() - begun, 1)
        told = {"hf_cache_models": [{"repo_id": repo_id, "source": str(folder)}]}
        run = machine.playbook("models", f"models {repo_id}", told).wanted(0)
        return {"bytes": (folder / FILE).stat().st_size, "made": made, "verified": round(run.seconds, 1)}

    def proof(self) -> dict[str, Any]:
        """CUDA works in a container on each GPU, by device nodes and by CDI."""
        machine, found = self.machine, {}
        for access in ("device_nodes", "cdi"):
            told = {"image": machine.image, "pull": "never", "gpu_access": access, "count": len(machine.gpus)}
            mounts = [f"{machine.driver_folder}:{machine.driver_folder}:ro"] if machine.driver_folder else []
            told |= {"docker_host": machine.docker_host, "volumes": mounts if access == "device_nodes" else []}
            result = machine.module("gpu_proof", told, f"gpu_proof by {access}", managed=False)
            proof = result.get("proof") or {}
            found[access] = {key: proof.get(key) for key in ("count", "cuda_version", "seconds")} | (
                {"failed": str(result["msg"])[:600]} if result["failed"] else {}
            )
        expect("failed" not in found["device_nodes"], f"wanted usable GPUs by their nodes, found {found}")
        return found

    def deploy(self, label: str, servers: Sequence[dict[str, Any]], **extra: Any) -> dict[str, Any]:
        """Deploy servers by the playbook, smoke test included; return what each start took and which kernels ran."""
        machine = self.machine
        run = machine.playbook("deploy", label, extra)
        for server in servers:
            for name in self.names(server):
                machine.command(f"log {label} {name}", ["docker", "logs", name])
        run.wanted(0)
        return {"playbook_seconds": round(run.seconds, 1), "memory_mib": machine.gpu_memory()} | {
            name: self._start(name) for server in servers for name in self.names(server)
        }

    @staticmethod
    def names(server: Mapping[str, Any]) -> list[str]:
        """Return the names of an entry's servers."""
        count = server.get("replicas")
        return [f"{server['name']}-{index}" for index in range(count)] if count else [server["name"]]

    def deploy_again(self) -> dict[str, Any]:
        """A second deployment changes nothing, and check mode would change nothing."""
        again = self.machine.playbook("deploy", "deploy again").wanted(0)
        expect(again.changed == 0, f"wanted a second run that changes nothing, found {again.changed} changes")
        return {"seconds": round(again.seconds, 1)}

    def evaluate(self, label: str, **extra: Any) -> dict[str, Any]:
        """Both tasks at three efforts: each cell is whole, nothing is right, nothing is an error."""
        folder = self.machine.state / f"report-{label.replace(' ', '-')}"
        paths = {"evaluate_path": str(self.machine.state / "evaluations" / label.replace(" ", "-"))}
        run = self.machine.playbook("evaluate", label, {"evaluate_report_path": str(folder), **paths, **extra})
        run.wanted(0, 2)
        scores = json.loads((folder / "report.json").read_text())["scores"]
        wrong = [row for row in scores if any(row[key] for key in _ERRORS)]
        expect(not wrong, f"wanted no errors, found {[{key: row[key] for key in _ERRORS} for row in wrong]}")
        cells = {(row["server"], row["task"], row["reasoning_effort"]) for row in scores}
        return {
            "rc": run.rc,
            "seconds": round(run.seconds, 1),
            "cells": len(cells),
            "verdicts": sorted({str(row["verdict"]) for row in scores}),
            "samples": sum(row["n_samples"] for row in scores),
            "right": sum(row["n_correct"] for row in scores),
            "truncated": sum(row["n_truncated"] for row in scores),
        }

    def speed(self, port: int, model: str = MODEL, concurrencies: Sequence[int] = (1, 32, 128)) -> dict[str, Any]:
        """Tokens a second, each concurrency warmed up first."""
        rows = []
        for concurrency in concurrencies:
            tokens = 64 if not self.machine.gpus else 512 if concurrency == 1 else 256
            load.generate(port, model, concurrency, concurrency, tokens // 4)
            rows.append(load.generate(port, model, concurrency, concurrency * (1 if concurrency == 1 else 2), tokens))
        return {str(row["concurrency"]): row for row in rows}

    def collect_env(self) -> dict[str, Any]:
        """collect_env tells vLLM's own report of each server."""
        folder = self.machine.state / "environment"
        run = self.machine.playbook("collect_env", "collect_env", {"collect_env_path": str(folder)}).wanted(0)
        servers = json.loads((folder / "hosts/gpu.json").read_text())["servers"]
        told = {name: [row.get("source"), row.get("vllm_version")] for name, row in servers.items()}
        return {"servers": told, "seconds": round(run.seconds, 1)}

    def status(self, label: str, *codes: int) -> dict[str, Any]:
        """The playbook status tells how each server is."""
        path = self.machine.state / "status.json"
        run = self.machine.playbook("status", label, {"status_report_path": str(path)}).wanted(*codes)
        rows = json.loads(path.read_text())["servers"]
        told = {row.get("name"): [row.get("verdict"), str(row.get("sentence"))[:200]] for row in rows}
        return {"servers": told, "rc": run.rc, "seconds": round(run.seconds, 1)}

    def fingerprint(self, servers: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The log-probabilities of fixed texts, how far each server is from the first, and what the playbook says."""
        taken = {}
        for server in servers:
            for offset, name in enumerate(self.names(server)):
                told = {"base_url": f"http://127.0.0.1:{server['port'] + offset}/v1", "model": server["model"]}
                taken[name] = self.machine.module("vllm_fingerprint", told, f"fingerprint {name}", managed=False)
        first = next(iter(taken.values()))
        found: dict[str, Any] = {
            name: {key: result.get(key) for key in ("repeat", "seconds")} | distance(first, result)
            for name, result in taken.items()
        }
        run = self.machine.playbook("fingerprint", "fingerprint")
        return found | {"playbook": {"rc": run.rc, "said": run.output[-1200:]}}

    def teardown(self) -> dict[str, Any]:
        """teardown removes the servers, and gives the GPUs' memory back."""
        run = self.machine.playbook("teardown", "teardown").wanted(0)
        left = [name for name in self.machine.docker("ps", "--all", "--format", "{{.Names}}").split() if name]
        memory = self.machine.gpu_memory()
        expect(
            not left and sum(memory) < 1024 * max(1, len(memory)), f"wanted nothing left, found {left}, {memory} MiB"
        )
        return {"seconds": round(run.seconds, 1), "memory_mib": memory}

    def _start(self, name: str) -> dict[str, Any]:
        told = self.machine.started(name)
        proof = told.get("kernel_proof") or {}
        lines = [row.get("line") for row in proof.get("findings", [])]
        return {
            "stage_seconds": told.get("stage_seconds"),
            "ready_seconds": round(max((told.get("startup_seconds") or {"created": 0.0}).values()), 1),
            "kernels": proof.get("state"),
            "lines": lines,
            "privileges": self._privileges(name),
        }

    def _privileges(self, name: str) -> dict[str, Any]:
        """Return what a server's container may, as the engine has it."""
        host = json.loads(self.machine.docker("inspect", "--format", "{{json .HostConfig}}", name))
        return {key: host[key] for key in ("CapDrop", "CapAdd", "SecurityOpt", "Privileged")}


def distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far the log-probabilities of two fingerprints are from each other, in nats."""
    if other["failed"] or one["failed"]:
        return {"msg": other.get("msg")}
    pairs = [
        abs(a - b)
        for mine, theirs in zip(one["replies"], other["replies"])
        for a, b in zip(mine["logprobs"], theirs["logprobs"])
    ]
    return {"mean": round(sum(pairs) / len(pairs), 6), "largest": round(max(pairs), 6), "places": len(pairs)}
