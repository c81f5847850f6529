# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: exits - data: what an exit code, the engine and the kernel tell where the log tells nothing."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

READ_LOG = "read the log's lines above the end (docker logs); the failure is none of those known here"

# Exit code → class. `pattern` is the code.
EXITS = (
    Failure(
        "unknown",
        "0",
        "the server ended with exit code 0 and without an error in its log: by itself, or told to (docker events)",
        READ_LOG,
        "run",
    ),
    Failure(
        "program_not_executable",
        "126",
        "the container's program could not be executed (exit code 126)",
        "check entrypoint against the image; a mounted script needs its x bit",
        "run",
        "3.5",
    ),
    Failure(
        "no_such_program",
        "127",
        "the container's program was not found (exit code 127)",
        "check entrypoint and arguments against the image (docker inspect)",
        "run",
        "3.5",
    ),
    Failure(
        "illegal_instruction",
        "132",
        "the image uses instructions that this processor does not have (exit code 132, SIGILL)",
        "take an image made for this processor (lscpu lists what it can)",
        "kernel's text",
        "3.5",
    ),
    Failure(
        "aborted",
        "134",
        "the server gave itself up (exit code 134, SIGABRT), as C++ code does on an error that nobody caught",
        READ_LOG,
        "kernel's text",
        "3.8",
    ),
    Failure(
        "shared_memory",
        "135",
        "the server died of SIGBUS (exit code 135), as happens when the shared memory is too small",
        "set ipc_mode: host, or a larger shm_size",
        "kernel's text",
        "3.8",
    ),
    Failure(
        "killed",
        "137",
        "the server was killed by SIGKILL (docker kill, the kernel, or a stop that took too long)",
        "ask who stopped it (docker events, the host's administrators); look for 'Out of memory' in dmesg",
        "run, 0.22.1",
        "3.8",
    ),
    Failure(
        "segmentation_fault",
        "139",
        "the server crashed (segmentation fault, exit code 139)",
        "look for Xid lines in dmesg; try --enforce-eager in arguments and another image, and report it to vLLM with "
        "the log",
        "kernel's text",
        "3.8",
    ),
    Failure(
        "terminated",
        "143",
        "the server was told to end (SIGTERM) before it was ready",
        "ask who stopped it (docker events; a reboot of the host; another run of the playbook)",
        "run",
        "3.8",
    ),
)

# What the log tells of a server that was told to end, with exit code 0. Of the releases that were seen 0.32.0 says so.
STOPPED = Failure(
    "terminated",
    r"\[shutdown\] API server: shutdown triggered",
    "the server was told to end (docker stop, a reboot of the host) and did so in order",
    "ask who stopped it (docker events, the host's administrators)",
    "run, 0.32.0",
)

# What the engine tells (OOMKilled). `pattern` is not used.
OOM_KILLED = Failure(
    "out_of_memory",
    "OOMKilled",
    "the kernel killed the server: out of memory (the host's, or the container's limit)",
    "give the host or the container more memory, or stop what else uses it (dmesg names it)",
    "run, Docker Engine 20.10",
    "3.8",
)
# What the kernel's log tells: of a limit that was hit, and of a host that was full.
LIMIT_HIT = Failure(
    "out_of_memory",
    "Memory cgroup out of memory: Killed process",
    "the kernel killed {process} (pid {pid}, {resident} MiB of main memory): the container's memory limit was hit",
    "raise or remove the container's memory limit (docker inspect: HostConfig.Memory)",
    "run, Linux 6.18",
    "3.8",
)
HOST_FULL = Failure(
    "host_out_of_memory",
    "Out of memory: Killed process",
    "the kernel killed {process} (pid {pid}, {resident} MiB of main memory): the host ran out of memory",
    "stop what else uses the host's memory (free -h, ps --sort=-rss aux), or start fewer servers at the same time",
    "LMCache issue 4759, Linux's source",
    "3.8",
)
KERNEL = (OOM_KILLED, LIMIT_HIT, HOST_FULL)
