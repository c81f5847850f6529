"""The execution environment is built, and holds the collection with all that its controller parts need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import MODEL, ROOT

pytestmark = pytest.mark.slow

# Has Python 3.13 and no package source: all comes from wheels that lie in the base image.
SYSTEM, PYTHON = "debian13", "3.13"
# What ansible-builder installs of itself while it builds.
BUILDERS = ("bindep", "packaging", "pyyaml", "dumb-init==1.2.5")
BASE = f"""
FROM gpt-oss-fleet/bare:{SYSTEM}
COPY wheels /opt/wheels
RUN python3 -m venv /opt/python && printf '[global]\\nno-index = true\\nfind-links = /opt/wheels\\n' > /etc/pip.conf
ENV PATH=/opt/python/bin:/usr/bin:/bin
ENTRYPOINT []
"""
CHART = """
import vl_convert
mark = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
print(vl_convert.vegalite_to_svg(mark)[:4])
"""


def run(*command: str | Path, **environment: str) -> str:
    """Run a command; its output, or a failed test."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, env={**os.environ, "PATH": path, "DOCKER_BUILDKIT": "0", **environment},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def base_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A base image as somebody without internet has it: Python with pip, and an index of wheels that pip is told of."""
    folder = tmp_path_factory.mktemp("base")
    run("tests/tools/host_image.sh", "bare", SYSTEM)
    wanted = yaml.safe_load((ROOT / "execution-environment.yml").read_text())["dependencies"]
    packages = [wanted[name]["package_pip"] for name in ("ansible_core", "ansible_runner")]
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version", PYTHON,
        "--dest", folder / "wheels", *packages, *BUILDERS, "--requirement", "requirements.txt",
    )  # fmt: skip
    (folder / "Dockerfile").write_text(BASE)
    name, label = f"gpt-oss-fleet/itest-base:{os.getpid()}", f"org.gpt-oss-fleet.test={os.getpid()}"
    run("docker", "build", "--quiet", "--label", label, "--tag", name, folder)
    yield name
    run("docker", "image", "rm", "--force", name)
    # The stages before the last, which have no names.
    run("docker", "image", "prune", "--force", "--filter", f"label={label}")


@pytest.fixture(scope="module")
def image(base_image: str) -> Iterator[str]:
    name = f"gpt-oss-fleet/itest-ee:{os.getpid()}"
    run(
        "tools/execution_environment.sh", base_image, name,
        "--build-arg", "PYCMD=/opt/python/bin/python3", "--build-arg", "PKGMGR=/usr/bin/apt-get",
    )  # fmt: skip
    yield name
    run("docker", "image", "rm", "--force", name)


def inside(image: str, *command: str) -> str:
    """Run a command in the image, as the user that it has, without a network."""
    return run("docker", "run", "--rm", "--network", "none", image, *command)


def test_the_image_holds_the_collection_and_what_it_needs(image: str) -> None:
    listed = inside(image, "ansible-playbook", "gpt_oss.fleet.evaluate", "--inventory", "host,", "--list-tasks")
    assert "/usr/share/ansible/collections/ansible_collections/gpt_oss/fleet/playbooks/evaluate.yml" in listed
    assert "Judge the fleet" in listed
    shown = json.loads(inside(image, "ansible-doc", "--json", "gpt_oss.fleet.vllm_container"))
    assert shown["gpt_oss.fleet.vllm_container"]["doc"]["short_description"]
    assert inside(image, "python3", "-c", CHART).strip() == "<svg"
    inside(image, "python3", "-c", "import jmespath")
    inside(image, "ssh", "-V")


def test_the_image_runs_a_playbook_by_its_runner(image: str, tmp_path: Path) -> None:
    """It has no server to look at, and says so: the table is work of the controller, here in the image."""
    host = {
        "ansible_connection": "local",
        "vllm_python": "/nowhere/python",
        "vllm_defaults": {"model": MODEL, "vllm_version": "0.32.0", "gpus": "none"},
        "vllm_servers": [{"name": "one"}],
    }
    for folder in ("inventory", "project"):
        (tmp_path / folder).mkdir()
    (tmp_path / "inventory" / "hosts.json").write_text(json.dumps({"all": {"hosts": {"node1": host}}}))
    (tmp_path / "project" / "status.yml").write_text("- import_playbook: gpt_oss.fleet.status\n")
    # The image's user is another one, whose files this one is to remove.
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    job = "ansible-runner run /runner -p status.yml; cat /runner/artifacts/*/rc; chmod -R a+rwX /runner/artifacts"
    said = run("docker", "run", "--rm", "--network", "none", "--volume", f"{tmp_path}:/runner", image, "sh", "-c", job)
    assert "1 of 1 server on 1 host needs attention: node1/one unknown" in said
    assert said.strip().endswith("2")
