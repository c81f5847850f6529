"""What it costs to find that a host is prepared: ours against well-known roles, on one host, in one run.

    .venv/bin/python tests/bench/bench_prepare.py [--runs N]

The host is the instance of the Molecule scenario prepare: Debian 12, eight simulated GPUs, the packages of the stand-in
repositories. Both sides find everything done; the wall times are medians of alternating runs, the start of
ansible-playbook included. BENCH_ROLES names a folder that holds the roles geerlingguy.docker, nvidia.nvidia_driver and
nvidia.nvidia_docker, BENCH_COLLECTIONS one that holds the collection community.general; else both come from Galaxy.

Left out of theirs, since the host reaches no network and is no Ubuntu: fetching keys and repository files (the host has
them from our run), docker-ce-rootless-extras, the nvidia-docker wrapper, the reboot. They have nothing for: the GPUs
and their fabric (the fabric manager is in their list of packages), CDI, a last look, and the proof in a container. The
proof is timed with and without.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache/bench"
ROLES = ["geerlingguy.docker", "nvidia.nvidia_driver", "nvidia.nvidia_docker"]
BUDGET = 25
OURS, NO_PROOF, THEIRS = "ours", "ours without the proof", "theirs"
PLAYBOOKS = {
    OURS: ["ours.yml"],
    NO_PROOF: ["ours.yml", "--extra-vars=nvidia_container_toolkit_proof=changed"],
    THEIRS: ["theirs.yml"],
}


def folder(variable: str, command: list[str], name: str) -> str:
    """Return the folder that a variable names, else one that ansible-galaxy fills."""
    if given := os.environ.get(variable):
        return given
    place = CACHE / name
    if subprocess.run(["ansible-galaxy", *command, str(place)], check=False).returncode != 0:
        raise SystemExit(
            f"Wanted: {command[2:-1]} from Galaxy. Found: no way there. Set {variable} to a folder with them."
        )
    return str(place)


def environment() -> dict[str, str]:
    """Return the environment of ansible-playbook, for both sides the same."""
    roles = folder("BENCH_ROLES", ["role", "install", *ROLES, "--roles-path"], "roles")
    needs = ["collection", "install", "community.general", "--collections-path"]
    collections = folder("BENCH_COLLECTIONS", needs, "collections")
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.ansible/collections'}:{collections}",
        "ANSIBLE_ROLES_PATH": roles,
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/tools/callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "remote_executions",
        # The roles of NVIDIA use facts as variables.
        "ANSIBLE_INJECT_FACT_VARS": "true",
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "REMOTE_EXECUTIONS_FILE": str(CACHE / "executions.jsonl"),
    }


def call(command: list[str], env: dict[str, str]) -> str:
    """Run a command and return its output; show what it said when it fails."""
    done = subprocess.run(command, check=False, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout[-6000:], done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return done.stdout


def play(side: str, env: dict[str, str]) -> dict[str, Any]:
    """Run one side and return what the callback has written."""
    inventories = [f"--inventory={ROOT / 'molecule' / name / 'inventory'}" for name in ("shared", "prepare")]
    playbook, *more = PLAYBOOKS[side]
    # One daemon.json for all who write it, or each would undo what the other did.
    settings = call(["docker", "exec", "molecule-prepare-1", "cat", "/etc/docker/daemon.json"], env)
    more.append("--extra-vars=" + json.dumps({"bench_daemon": json.loads(settings)}))
    call(["ansible-playbook", *inventories, str(ROOT / "tests/bench/prepare" / playbook), *more], env)
    return dict(json.loads(Path(env["REMOTE_EXECUTIONS_FILE"]).read_text().splitlines()[-1]))


def report(runs: dict[str, list[dict[str, Any]]], host: str) -> None:
    """Print the table."""
    medians = {side: statistics.median(run["seconds"] for run in found) for side, found in runs.items()}
    print(f"{'':24}{'executions':>12}{'changed':>9}{'wall s':>9}{'of theirs':>11}")
    for side, found in runs.items():
        last = found[-1]
        share = f"{medians[side] / medians[THEIRS]:.2f}"
        print(f"{side:24}{last['executions'][host]:12}{last['changed'][host]:9}{medians[side]:9.2f}{share:>11}")
    for side, found in runs.items():
        counted = [f"{task['task']} ({task['count']})" for task in found[-1]["tasks"][host]]
        print(f"\n{side}: " + "; ".join(counted))


def main() -> None:
    """Bring the host to where both sides find everything done, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="use the host that is there, and leave it")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    env = environment()
    if not options.keep:
        call(["molecule", "destroy", "--scenario-name", "prepare"], env)
    call(["molecule", "converge", "--scenario-name", "prepare"], env)
    try:
        for side in (THEIRS, THEIRS, OURS, OURS):
            play(side, env)
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in PLAYBOOKS}
        for _number in range(options.runs):
            for side, found in runs.items():
                found.append(play(side, env))
    finally:
        if not options.keep:
            call(["molecule", "destroy", "--scenario-name", "prepare"], env)
    host = next(iter(runs[THEIRS][0]["executions"]))
    report(runs, host)
    if runs[OURS][-1]["executions"][host] > BUDGET:
        raise SystemExit(f"Wanted: at most {BUDGET} remote executions.")


if __name__ == "__main__":
    main()
