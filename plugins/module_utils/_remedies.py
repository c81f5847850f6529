# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: remedies - data: the verdicts on a server that was deployed, and what to do about each.

`{name}` is the container's name, `{pid}` a process id of the host.
"""

from __future__ import annotations

VERDICTS = (
    "idle", "busy", "prefilling", "starting", "stuck", "dead", "restarting", "crash_loop", "wrong_server",
    "unreachable", "absent", "unknown",
)  # fmt: skip
HEALTHY = ("idle", "busy", "prefilling", "starting")
_NOTHING = "nothing needs to be done"
REMEDIES = {
    "idle": _NOTHING,
    "busy": _NOTHING,
    "prefilling": _NOTHING,
    "starting": "wait for it; docker logs {name} tells what it does",
    "stuck": "keep the log, then restart it (docker restart {name})",
    "paused": "let it go on (docker unpause {name}), and find out who paused it",
    "dead": "deploy it again (playbook gpt_oss.fleet.deploy), which starts it and waits; the log tells why it died",
    "restarting": "nothing, if it serves again; the log before the restart (docker logs {name}) tells why it ended",
    "crash_loop": (
        "stop it (docker stop {name}), mend what the log names, and deploy it again (playbook gpt_oss.fleet.deploy)"
    ),
    "wrong_server": "see who listens on the port (ss -ltnp); compare port, model and api_key_file with the server's",
    "unreachable": "look at docker logs {name} and docker port {name}, then restart it (docker restart {name})",
    "engine_unreachable": "start the Docker Engine (systemctl start docker), and look again",
    "absent": "deploy it (playbook gpt_oss.fleet.deploy), or correct the name (docker ps --all)",
    "unknown": "allow the probe, or let the server count (without --disable-log-stats)",
    "failed_probe": "ask the server by hand for a completion, and look at docker logs {name}",
}
# What the state of a process says about an engine that hangs: the state as ps shows it, its name, the remedy.
PROCESS_STATES = {
    "T": ("stopped by a signal", "let it go on (kill -CONT {pid}), and find out who stopped it (kill -STOP)"),
    "t": (
        "stopped by a debugger",
        "let the debugger go (it holds process {pid}), or restart it (docker restart {name})",
    ),
    "D": (
        "waiting in the kernel",
        "look at dmesg for XIDs of the GPU and errors of disks; if a restart (docker restart {name}) hangs too, reboot",
    ),
    "Z": ("dead, and nobody fetched its exit code", "restart it (docker restart {name})"),
}
