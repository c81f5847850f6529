from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import Answer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._evidence import Evidence, explain, explained, gather
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import FAILURES
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_users import describe_users
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_commands import HostCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._oom_kills import OomKill, find_kills, kill_of, since
from gpu_host import FakeCommands, fixture, write

OWN, OTHER = "ab" * 32, "cd" * 32
CONTAINERS = [{"Id": OTHER, "Names": ["/old-server"]}]

# As a real kernel wrote them when a container hit its limit, and as mm/oom_kill.c writes them when a host is full.
LIMIT = [
    f"[ 1146.019791] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={OWN},mems_allowed=0,"
    f"oom_memcg=/docker/{OWN},task_memcg=/docker/{OWN},task=python3,pid=27068,uid=0",
    "[ 1146.019822] Memory cgroup out of memory: Killed process 27068 (python3) total-vm:990048kB, anon-rss:65024kB, "
    "file-rss:5252kB, shmem-rss:0kB, UID:0 pgtables:192kB oom_score_adj:0",
]
FULL = [
    "[ 1150.000001] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=x,mems_allowed=0-1,global_oom,"
    f"task_memcg=/system.slice/docker-{OWN}.scope,task=VLLM::EngineCor,pid=4711,uid=0",
    "[ 1150.000002] Out of memory: Killed process 4711 (VLLM::EngineCor) total-vm:81306880kB, anon-rss:71303168kB, "
    "file-rss:21412kB, shmem-rss:428kB, UID:0 pgtables:192kB oom_score_adj:0",
]
SOMEBODY = [line.replace(OWN, OTHER).replace("4711", "99") for line in FULL]
BARE = [FULL[1].replace("4711", "7")]
XID = "[ 1151.000000] NVRM: Xid (PCI:0000:1b:00): 79, pid=4711, name=VLLM::Worker, GPU has fallen off the bus."
PAGE_FAULT = "[ 1151.000000] NVRM: Xid (PCI:0000:1b:00): 31, pid=4711, name=VLLM::Worker, Ch 00000010"
HARMLESS = "[ 1151.000000] NVRM: Xid (PCI:0000:1b:00): 43, pid=4711, name=VLLM::Worker, Ch 00000010"


def diagnosis(name: str) -> Diagnosis:
    row = next((row for row in FAILURES if row.name == name), None)
    return Diagnosis(name, "the cause", row.remedy if row else "the remedy")


def test_kills() -> None:
    limit, full = OomKill(27068, "python3", f"/docker/{OWN}", True, 68), (4711, "VLLM::EngineCor", False, 69653)
    kills = find_kills([*LIMIT, "noise", *FULL])
    assert kills[0] == limit
    assert (kills[1].pid, kills[1].name, kills[1].is_limit, kills[1].resident_mib) == full


@pytest.mark.parametrize(
    ("lines", "pid"),
    [([*LIMIT, *FULL], 4711), (LIMIT, 27068), (SOMEBODY, None), ([*FULL, *SOMEBODY], 4711), (BARE, 7), ([], None)],
)
def test_a_kill_belongs_to_its_container(lines: list[str], pid: int | None) -> None:
    kill = kill_of(find_kills(lines), OWN)
    assert (kill.pid if kill else None) == pid


def test_what_is_old_and_what_bears_no_time_does_not_count() -> None:
    assert since([*LIMIT, "no time", *FULL], 1147.0) == FULL


def gpu(index: int, used: int, *processes: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "memory_used_mib": used, "processes": list(processes)}


def process(pid: int, memory: int | None, container: str | None = None) -> dict[str, Any]:
    return {"pid": pid, "name": "VLLM::EngineCore", "memory_mib": memory, "container": container}


USERS = [
    ([gpu(0, 3)], ""),
    ([gpu(0, 131000, process(7, 130000))], "GPU 0: VLLM::EngineCore (pid 7, 130000 MiB)"),
    ([gpu(1, 131000, process(7, 130000, OTHER))], "GPU 1: VLLM::EngineCore (pid 7, 130000 MiB, container old-server)"),
    ([gpu(0, 9, process(7, 5, "ef" * 32))], "GPU 0: VLLM::EngineCore (pid 7, 5 MiB, container efefefefefef)"),
    ([gpu(0, 131000, process(7, 130000, OWN))], ""),
    ([gpu(0, 131000, process(7, None))], ""),
    ([gpu(2, 131000)], "GPU 2: 131000 MiB by a process that nvidia-smi cannot see"),
    ([gpu(n, 9, process(n, 9)) for n in range(8)], "GPU 3: VLLM::EngineCore (pid 3, 9 MiB), and 4 more"),
]


@pytest.mark.parametrize(("devices", "expected"), USERS)
def test_users(devices: list[dict[str, Any]], expected: str) -> None:
    said = describe_users(devices, {OTHER: "old-server"}, OWN)
    assert said.endswith(expected) and bool(said) is bool(expected)


def look(name: str, commands: FakeCommands, root: Path) -> Evidence:
    """Gather for a container that was started at second 1148 of the machine's life."""
    started = time.time() - (time.monotonic() - 1150.0)
    return gather(diagnosis(name), commands, CONTAINERS, OWN, started, root)


def test_who_holds_the_memory_of_a_real_h200(tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/417/cgroup": f"0::/system.slice/docker-{OTHER}.scope\n", "proc/1/cgroup": "0::/\n"})
    commands = FakeCommands({"nvidia-smi -q -x": fixture("h200-busy.xml")})
    for name in ("free_memory", "gpu_out_of_memory", "no_kv_room"):
        found = explain(diagnosis(name), look(name, commands, root))
        who = "GPU 0: python3 (pid 417, 3590 MiB, container old-server)"
        assert found.name == name and found.cause == f"the cause; the memory is held by {who}"
        assert found.remedy.startswith(f"stop what holds the memory ({who}), or ") and found.remedy.count("stop") == 1
        assert "gpu_memory_utilization" in found.remedy


def test_nothing_is_looked_at_without_need(tmp_path: Path) -> None:
    class NoCommands(FakeCommands):
        def run(self, *command: str) -> Answer | None:
            raise AssertionError(command)

    assert look("unknown_flag", NoCommands({}), tmp_path) == Evidence()
    assert look("model_not_cached", NoCommands({}), tmp_path) == Evidence()


@pytest.mark.parametrize("name", ["free_memory", "killed", "nccl_error"])
@pytest.mark.parametrize("commands", [{}, {"nvidia-smi": Answer(9, "failed"), "dmesg": Answer(1, "", "not permitted")}])
def test_a_host_that_tells_nothing(
    name: str, commands: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_log.KMSG", str(tmp_path / "no"))
    assert look(name, FakeCommands(commands), tmp_path) == Evidence()


KERNEL: list[tuple[str, list[str], str, str, str]] = [
    ("killed", FULL, "host_out_of_memory", "VLLM::EngineCor (pid 4711, 69653 MiB", "free -h"),
    ("engine_died", FULL, "host_out_of_memory", "the host ran out of memory", "free -h"),
    ("process_killed", [line.replace("1146.", "1149.") for line in LIMIT], "out_of_memory", "limit was hit", "limit"),
    ("out_of_memory", LIMIT, "out_of_memory", "the cause", "the remedy"),
    ("unknown", FULL, "host_out_of_memory", "VLLM::EngineCor", "free -h"),
    ("unknown", [XID], "unknown", "the cause; the kernel's log has Xid 79", "the remedy"),
    ("killed", SOMEBODY, "killed", "the cause", "the remedy"),
    (
        "engine_died",
        [XID],
        "gpu_fault",
        "Xid 79 of GPU 0000:1b:00.0: the GPU has fallen off the bus",
        "reboot the host",
    ),
    ("nccl_error", [XID.replace("79,", "48,")], "gpu_fault", "uncorrectable ECC error", "reset the GPU"),
    ("ecc_error", [XID.replace("79,", "48,")], "ecc_error", "the cause; the kernel's log has Xid 48", "ROW_REMAPPER"),
    ("cuda_error", [PAGE_FAULT], "cuda_error", "Xid 31", "gpu_proof"),
    ("engine_died", [HARMLESS], "engine_died", "the cause", "dmesg"),
    ("engine_died", [XID.replace("1151", "1100")], "engine_died", "the cause", "dmesg"),
]


@pytest.mark.parametrize(("name", "lines", "expected", "cause", "remedy"), KERNEL)
def test_the_kernels_log(name: str, lines: list[str], expected: str, cause: str, remedy: str, tmp_path: Path) -> None:
    commands = FakeCommands({"dmesg": "\n".join(["[    0.000000] Linux", *lines])})
    found = explain(diagnosis(name), look(name, commands, tmp_path))
    assert (found.name, cause in found.cause, remedy in found.remedy) == (expected, True, True), found


class DeadEngine(Engine):
    def containers(self, stopped: bool = False) -> list[dict[str, Any]]:
        raise EngineError("gone")


def test_the_engine_may_be_gone_or_elsewhere() -> None:
    found = diagnosis("killed")
    commands = FakeCommands({"dmesg": "\n".join(["[    0.000000] Linux", *FULL])})
    long_ago = time.time() - time.monotonic()
    assert explained(found, DeadEngine(None, "tcp://192.0.2.1:2375"), OWN, long_ago, commands) == found
    assert explained(found, DeadEngine(None, "unix:///x"), OWN, None, commands) == found
    assert explained(found, DeadEngine(None, "unix:///x"), OWN, long_ago, commands).name == "host_out_of_memory"


def test_commands_without_a_module() -> None:
    commands = HostCommands(seconds=0.5)
    assert commands.run("no-such-command") is None and not commands.has("no-such-command")
    assert commands.run("sh", "-c", "echo $LC_ALL; echo oh >&2; exit 3") == Answer(3, "C\n", "oh\n")
    hanging = commands.run("sleep", "60")
    assert hanging is not None and hanging.code == 124
