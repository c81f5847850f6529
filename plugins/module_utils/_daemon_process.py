# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: daemon_process, the dockerd that runs on this host: which one it is, how it is started, and which settings
wait for its next start.

What waits is kept in a file under /run, together with the identity of the process: as soon as another dockerd runs, by
whosever hand, nothing waits any more.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_json, _json_text

DEFAULT_PATH = "/etc/docker/daemon.json"
PID_FILE = "/var/run/docker.pid"
PENDING_FILE = "/run/gpt_oss/docker_config.json"
# What the init script of Docker's Debian packages reads; the unit of Debian's own package does so too.
OPTIONS_FILE = "/etc/default/docker"

Run = Callable[..., Tuple[int, str, str]]


def identity(root: str = "/") -> Optional[str]:
    """Return what tells the running dockerd from any other: its pid and start time; None when none runs."""
    base = Path(root)
    try:
        pid = int((base / PID_FILE.lstrip("/")).read_text())
        process = base / "proc" / str(pid)
        if (process / "comm").read_text().strip() != "dockerd":
            return None
        # proc(5): field 22 is the start time; the second one, in parentheses, may hold anything.
        return f"{pid}:{(process / 'stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, ValueError, IndexError):
        return None


def command_line(run: Run, root: str = "/") -> Tuple[str, str]:
    """Return the command line with which dockerd is started here and where it is written; empty when unknown."""
    base = Path(root)
    if (base / "run/systemd/system").is_dir():
        properties = "--property=LoadState,ExecStart,Environment,EnvironmentFiles"
        code, shown, _unused = run(["systemctl", "show", "docker.service", properties])
        command = unit_command(shown, lambda path: _read(base / path.lstrip("/"))) if code == 0 else ""
        return command, "the unit docker.service"
    if (base / "etc/init.d/docker").exists():
        variables = variables_of(_read(base / OPTIONS_FILE.lstrip("/")))
        # The script itself sets the PID file (moby, contrib/init/sysvinit-debian/docker).
        command = f"dockerd --pidfile {PID_FILE} {variables.get('DOCKER_OPTS', '')}"
        return command.strip(), f"/etc/init.d/docker and {OPTIONS_FILE}"
    return "", ""


def unit_command(shown: str, read: Callable[[str], str]) -> str:
    """Return ExecStart from the output of `systemctl show`, its variables replaced."""
    properties: Dict[str, list[str]] = {}
    for line in shown.splitlines():
        name, _equals, value = line.partition("=")
        properties.setdefault(name, []).append(value)
    match = re.search(r"argv\[\]=(.*?) ; ignore_errors=", "\n".join(properties.get("ExecStart", [])), re.DOTALL)
    if not match:
        return ""
    variables = variables_of("\n".join(properties.get("Environment", [])).replace(" ", "\n"))
    for entry in properties.get("EnvironmentFiles", []):
        variables.update(variables_of(read(entry.partition(" (")[0])))
    return re.sub(r"\$\{?(\w+)\}?", lambda name: variables.get(name.group(1), ""), match.group(1))


def variables_of(text: str) -> Dict[str, str]:
    """Return the variables that a file of NAME=value lines sets."""
    found = re.findall(r"^\s*(?:export\s+)?(\w+)=(.*?)\s*$", text, re.MULTILINE)
    return {name: value.strip("\"'") for name, value in found}


def config_file(command: str) -> str:
    """Return the configuration file that a command line of dockerd names."""
    match = re.search(r"--config-file[= ](\S+)", command)
    return match.group(1) if match else DEFAULT_PATH


def pending(daemon: Optional[str], now: Dict[str, Any], root: str = "/") -> Dict[str, Any]:
    """Return the settings of start with which `daemon` runs and which are others in the file by now: {key: old}.

    A key that was missing has the value None.
    """
    if daemon is None:
        return {}
    try:
        kept = _json_text.loads((Path(root) / PENDING_FILE.lstrip("/")).read_text(encoding="utf-8"))
        loaded = kept["loaded"] if kept["daemon"] == daemon else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {key: old for key, old in loaded.items() if not _daemon_json.same(old, now.get(key))}


def remember(daemon: str, loaded: Dict[str, Any], root: str = "/") -> None:
    """Keep the settings of start with which `daemon` runs and which are others in the file by now."""
    path = Path(root) / PENDING_FILE.lstrip("/")
    if not loaded and not path.exists():
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(json.dumps({"daemon": daemon, "loaded": loaded}), encoding="utf-8")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
