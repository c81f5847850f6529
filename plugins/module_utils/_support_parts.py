# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: support parts - what a host can tell of a failure, part by part. A part that fails leaves its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Commands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._description import environment_pairs
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log import read_kernel_log
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import secret_values
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_archive import Collection, without_prompts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._support_samples import failing_samples

# What a host is asked by a command, by the place of the answer.
_COMMANDS = {
    "host/nvidia-smi.txt": ("nvidia-smi", "-q"),
    "host/docker.journal.txt": ("journalctl", "--unit=docker", "--lines=1000", "--no-pager", "--quiet"),
    "host/disks.txt": ("df", "-h"),
    "host/memory.txt": ("free", "-m"),
    "host/kernel.txt": ("uname", "-a"),
    "host/uptime.txt": ("uptime",),
}
_DENIED = "only root may read the kernel's messages; run with become"
_STATE_FILES = "*.json"
_EVAL_FILES = ("status.json", "job.log")


def collect(parameters: Mapping[str, Any], commands: Commands) -> Collection:
    """Collect all parts. Raises nothing: what cannot be had is in `missing`."""
    found = Collection()
    for path in parameters["secret_files"]:
        _secret(found, path)
    for name, fact in (parameters["facts"] or {}).items():
        if fact:
            found.add(f"facts/{name}.json", fact)
        else:
            found.missing[f"facts/{name}.json"] = "it was not collected in this run"
    parts: dict[str, Callable[[], None]] = {
        "containers": lambda: _containers(found, parameters),
        "servers": lambda: _servers(found, parameters),
        "evals": lambda: _evals(found, parameters),
        "host/dmesg.txt": lambda: _kernel(found, commands),
    }
    for name, part in parts.items():
        try:
            part()
        except (OSError, EngineError, ValueError) as exc:
            found.missing[name] = str(exc)
    for place, command in _COMMANDS.items():
        _command(found, commands, place, command)
    return found


def _secret(found: Collection, path: str) -> None:
    """Learn a secret by its file; nothing is said of one that cannot be read, as it is not in what is collected."""
    try:
        found.secrets.append(Path(path).read_text(encoding="utf-8", errors="replace").strip())
    except OSError:
        return


def _containers(found: Collection, parameters: Mapping[str, Any]) -> None:
    engine = connect(parameters["docker_host"])
    found.add("host/docker_info.json", engine.info())
    for name in parameters["servers"]:
        container = engine.inspect(name)
        if container is None:
            found.missing[f"containers/{name}"] = "there is no such container"
            continue
        found.secrets += secret_values(environment_pairs(container["Config"].get("Env")))
        found.add(f"containers/{name}/inspect.json", container)
        _log(found, engine, container, parameters["log_lines"])


def _log(found: Collection, engine: Engine, container: Mapping[str, Any], lines: int) -> None:
    name = str(container["Name"]).lstrip("/")
    try:
        text = "\n".join(map(without_prompts, engine.log_lines(container["Id"], tail=lines)))
        found.add(f"containers/{name}/log.txt", text + "\n")
    except EngineError as exc:
        found.missing[f"containers/{name}/log.txt"] = f"the engine does not give the log: {exc}"


def _servers(found: Collection, parameters: Mapping[str, Any]) -> None:
    """Take what is kept of each server: its accepted descriptions, its last start, its restarts."""
    for name in parameters["servers"]:
        folder = Path(parameters["state_path"]) / name
        files = sorted(folder.glob(_STATE_FILES)) if folder.is_dir() else []
        if not files:
            found.missing[f"servers/{name}"] = f"nothing is kept of it in {folder}"
        for path in files:
            content = _json(path)
            for entry in content if isinstance(content, list) else []:
                environment = (entry.get("parameters") or {}).get("environment") if isinstance(entry, dict) else None
                found.secrets += secret_values(environment or {})
            found.add(f"servers/{name}/{path.name}", content)


def _evals(found: Collection, parameters: Mapping[str, Any]) -> None:
    root = Path(parameters["run_path"])
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not folders:
        found.missing["evals"] = f"no eval was run here: there is nothing in {root}"
    for folder in folders:
        for name in _EVAL_FILES:
            path = folder / name
            if path.is_file():
                found.add(f"evals/{folder.name}/{name}", path.read_text(encoding="utf-8", errors="replace"))
        for path in sorted(folder.glob("*.jsonl")):
            with path.open(encoding="utf-8", errors="replace") as lines:
                told = failing_samples(lines, parameters["samples"], parameters["private_tasks"])
            found.add(f"evals/{folder.name}/{path.stem}.failing.json", told)


def _kernel(found: Collection, commands: Commands) -> None:
    log = read_kernel_log(commands)
    if log.state == "read":
        found.add("host/dmesg.txt", "\n".join(log.lines) + "\n")
    else:
        found.missing["host/dmesg.txt"] = _DENIED if log.state == "denied" else "the host shows no kernel messages"


def _command(found: Collection, commands: Commands, place: str, command: tuple[str, ...]) -> None:
    answer = commands.run(*command)
    if answer is None:
        found.missing[place] = f"{command[0]} is not on this host"
    elif answer.output.strip():
        found.add(place, answer.output)
    else:
        said = next(islice(answer.error.strip().splitlines(), 1), "") or "it said nothing"
        found.missing[place] = f"{' '.join(command)} ended with {answer.code}: {said}"


def _json(path: Path) -> Optional[Any]:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return _json_text.loads(text)
    except ValueError:
        return text
