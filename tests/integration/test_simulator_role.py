from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from conftest import DOCKER_HOST

ROOT = Path(__file__).resolve().parents[2]
PLAY = [{"hosts": "all", "gather_facts": False, "roles": ["gpt_oss.fleet.vllm_simulator"]}]

Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def image(engine: docker.APIClient) -> Iterator[str]:
    """An image name of the test's own."""
    name = f"gpt-oss-fleet/vllm-simulator:role-{os.getpid()}"
    yield name
    with contextlib.suppress(docker.errors.ImageNotFound):
        engine.remove_image(name, force=True)


@pytest.fixture
def play(image: str, tmp_path: Path) -> Play:
    """Run the role on two inventory hosts that are this machine."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    shared = {"vllm_simulator_image": image, "gpt_oss_docker_host": DOCKER_HOST, "gpt_oss_throttle": 1}
    (tmp_path / "hosts.json").write_text(
        json.dumps(
            {
                "all": {
                    "hosts": {"one": local, "two": local},
                    "vars": {**shared, "vllm_simulator_python": sys.executable},
                }
            }
        )
    )
    (tmp_path / "play.json").write_text(json.dumps(PLAY))

    def run(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(tmp_path / "hosts.json"), str(tmp_path / "play.json"), *flags]
        extra = ["-e", json.dumps(variables)]
        return subprocess.run([*command, *extra], cwd=ROOT, check=False, capture_output=True, text=True, timeout=180)

    return run


def changes(done: subprocess.CompletedProcess[str]) -> list[int]:
    """Return how many tasks changed something on each host."""
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if "changed=" in line]
    return [int(row.partition("changed=")[2].split()[0]) for row in rows]


def test_two_hosts_of_one_machine_share_the_image(play: Play, image: str, engine: docker.APIClient) -> None:
    assert changes(play("--check")) == [1, 1]
    assert engine.images(image) == []
    assert sorted(changes(play())) == [0, 1]
    first = engine.inspect_image(image)["Id"]
    assert changes(play()) == [0, 0]
    assert changes(play("--check")) == [0, 0]
    assert engine.inspect_image(image)["Id"] == first
    assert sorted(changes(play(vllm_simulator_state="absent"))) == [0, 1]
    assert engine.images(image) == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"vllm_simulator_docker_host": "unix:///no/such.sock"}, "no Docker Engine answers at unix:///no/such.sock"),
        ({"vllm_simulator_python": "/no/python"}, "CPython 3.9 or newer is wanted; set vllm_simulator_python"),
        ({"vllm_simulator_state": "perhaps"}, "value of vllm_simulator_state must be one of"),
    ],
)
def test_failures_name_cause_and_remedy(play: Play, variables: dict[str, str], message: str) -> None:
    done = play(**variables)
    assert done.returncode != 0
    assert message in " ".join(done.stdout.split())


def test_check_mode_foresees_the_image_where_no_engine_runs_yet(play: Play) -> None:
    assert changes(play("--check", vllm_simulator_docker_host="unix:///no/such.sock")) == [1, 1]
