from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import problems, size_bytes, ulimit_pair

GOOD: dict[str, Any] = {
    "name": "gpt-oss-20b",
    "state": "started",
    "image": "vllm/vllm-openai:gptoss",
    "environment": {"A": "1", "B": 2},
    "labels": None,
    "python_path": ["/guard"],
    "volumes": ["/a:/b", "/c:/d:ro"],
    "user": "2000:0",
    "port": 8000,
    "container_port": 8000,
    "bind_address": "127.0.0.1",
    "ipc_mode": "host",
    "gpus": "0,1",
    "devices": ["/dev/nvidia0", "/dev/a:/dev/b:rw"],
    "shm_size": "16g",
    "ulimits": {"nofile": "65536:1048576", "memlock": "-1"},
    "drop_capabilities": ["ALL"],
    "add_capabilities": ["DAC_OVERRIDE", "CAP_SYS_NICE"],
    "security_options": [
        "no-new-privileges:true",
        "apparmor=unconfined",
        "label=type:container_t",
        "seccomp=unconfined",
    ],
    "tmpfs": ["/tmp", "/run:size=1m"],
    "pids_limit": 0,
    "api_key_file": None,
    "timeout": 1800,
    "stop_timeout": 30,
    "drain_timeout": 0,
    "stage_timeouts": {"engine": 90, "pulled": 0.5},
}

BAD: list[tuple[str, Any, str]] = [
    ("name", "x", "name: expected two or more"),
    ("name", "-bad", "got '-bad'"),
    ("name", "a b", "name:"),
    ("name", "../..", "name:"),
    ("name", "good\n", "name:"),
    ("name", "a\0b", "name:"),
    ("image", "image\n", "image:"),
    ("user", "2000:0\n", "user:"),
    ("drop_capabilities", ["all"], "drop_capabilities: expected ALL or names such as NET_RAW, got 'all'"),
    ("add_capabilities", ["SYS_ADMIN\n"], "add_capabilities:"),
    ("security_options", ["seccomp=/etc/profile.json"], "security_options: expected no-new-privileges:true, apparmor="),
    ("security_options", ["no-new-privileges:false"], "security_options:"),
    ("tmpfs", ["tmp"], "tmpfs: expected /target or /target:size=1g, got 'tmp'"),
    ("pids_limit", -1, "pids_limit: expected a number of processes"),
    ("timeout", 0, "timeout: expected seconds"),
    ("drain_timeout", -1, "drain_timeout: expected seconds, 0 or more, got -1"),
    ("stage_timeouts", {"loading": 5}, "stage_timeouts: expected one of pulled, created"),
    ("stage_timeouts", {"engine": "soon"}, "stage_timeouts.engine: expected seconds above 0, got 'soon'"),
    ("stage_timeouts", {"engine": 0}, "stage_timeouts.engine"),
    ("image", None, "image: expected a reference"),
    ("image", "a b", "image:"),
    ("environment", {"A": True}, "environment.A: expected a string, got True (bool); put it in quotes"),
    ("environment", {"A": ["x"]}, "environment.A"),
    ("environment", {"A": None}, "environment.A"),
    ("environment", {"A=B": "1"}, "expected a name without ="),
    ("labels", {"a": 1.5}, "labels.a"),
    ("python_path", ["guard"], "python_path: expected absolute paths in the container, got 'guard'"),
    ("python_path", ["/a:/b"], "python_path:"),
    ("user", "2000:", "user: expected UID, UID:GID or names, such as 2000:0, got '2000:'"),
    ("user", "a b", "user:"),
    ("user", "-1", "user:"),
    ("volumes", ["data:/b"], "volumes: expected /source:/target"),
    ("volumes", ["/a"], "got '/a'"),
    ("volumes", ["/a:b"], "volumes:"),
    ("volumes", ["/a:/b:writable"], "volumes:"),
    ("volumes", ["/a:/x", "/b:/x/"], "several for /x"),
    ("api_key_file", "key", "api_key_file: expected an absolute path"),
    ("port", 0, "port: expected 1 to 65535, got 0"),
    ("container_port", 65536, "container_port:"),
    ("bind_address", "localhost", "bind_address: expected an IP address"),
    ("ipc_mode", "shared", "ipc_mode: expected host"),
    ("gpus", "first", "gpus: expected all, none, or ids"),
    ("gpus", "", "gpus:"),
    ("gpus", "0,,1", "gpus:"),
    ("gpus", "0,0", "each GPU once"),
    ("devices", ["nvidia.com/gpu=all"], "devices: expected /dev/x"),
    ("devices", ["/dev/a:/dev/b:x"], "devices:"),
    ("shm_size", "16 gigabytes", "shm_size: expected a size such as 16g"),
    ("ulimits", {"nofile": "many"}, "ulimits.nofile: expected soft:hard"),
    ("ulimits", {"nofile": "10:5"}, "not above the hard one"),
    ("ulimits", {"files": "1"}, "got 'files'"),
]


def test_good_parameters_have_no_problems() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(("option", "value", "text"), BAD, ids=[f"{row[0]}={row[1]}" for row in BAD])
def test_each_problem_is_named(option: str, value: Any, text: str) -> None:
    found = problems({**GOOD, option: value})
    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize("user", [None, "0", "2000", "2000:0", "vllm", "vllm:users", "Domain_1.x-y"])
def test_users(user: str | None) -> None:
    assert problems({**GOOD, "user": user}) == []


def test_all_problems_come_at_once() -> None:
    found = problems({**GOOD, "port": 0, "gpus": "x", "volumes": ["a:b"]})
    assert [line.split(":")[0] for line in found] == ["port", "gpus", "volumes"]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_an_end_needs_only_a_name(state: str) -> None:
    assert problems({**GOOD, "state": state, "image": None, "port": 0}) == []
    assert problems({**GOOD, "state": state, "name": "/"})


@pytest.mark.parametrize(("text", "size"), [("1", 1), ("64m", 64 << 20), ("16g", 16 << 30), ("16GB", 16 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize(("text", "pair"), [("5", (5, 5)), ("5:6", (5, 6)), ("-1", (-1, -1)), ("5:-1", (5, -1))])
def test_ulimits(text: str, pair: tuple[int, int]) -> None:
    assert ulimit_pair(text) == pair
