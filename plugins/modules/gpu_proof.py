# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.gpu_proof: all GPUs can really be used inside a container, or the cause is named."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_proof
short_description: Proves that GPUs can be used inside a container
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Runs a container that removes itself, asks for GPUs as M(gpt_oss.fleet.vllm_container) does, and in it makes a CUDA
    context on each GPU and copies bytes there and back. C(nvidia-smi) does not catch what this does, such as a fabric
    that is not ready.
  - Uses C(libcuda.so.1) through the standard library of the image's Python, so any image with Python serves. No GPU
    library is needed in it.
  - Fails with cause and remedy when a container cannot be started, when a GPU is missing or when one cannot be used.
  - Needs the C(docker) command and the standard library only.
options:
  image:
    description: The image to run, such as vLLM's, which is needed anyway. Its entrypoint is not used.
    type: str
    required: true
  pull:
    description: When to pull the image.
    type: str
    choices: [missing, always, never]
    default: missing
  gpus:
    description: V(all), or a comma-separated list of indices or UUIDs.
    type: str
    default: all
  gpu_access:
    description:
      - How to ask for GPUs, by C(--gpus) or by CDI device names, or by the device nodes of GPUs and driver. See
        M(gpt_oss.fleet.vllm_container).
    type: str
    choices: [device_requests, cdi, device_nodes]
    default: device_requests
  volumes:
    description: Bind mounts, C(/source:/target) or C(/source:/target:ro), such as the driver's libraries.
    type: list
    elements: str
    default: []
  count:
    description: How many GPUs must be usable. By default as many as O(uuids) or O(gpus) names, else at least one.
    type: int
  uuids:
    description: The UUIDs of the host's GPUs, to tell which one is missing.
    type: list
    elements: str
    default: []
  python:
    description: The Python of the image, 3.7 or newer.
    type: str
    default: python3
  timeout:
    description: How long CUDA may take, in seconds. The engine has a minute more; a pull has no limit.
    type: int
    default: 120
  docker_command:
    description: The docker command.
    type: str
    default: docker
  docker_host:
    description: Where the Docker Engine listens.
    type: str
    default: unix:///var/run/docker.sock
attributes:
  check_mode:
    description: Nothing is run; the result tells the command.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
"""

EXAMPLES = r"""
- name: Prove that all eight GPUs can be used
  gpt_oss.fleet.gpu_proof:
    image: vllm/vllm-openai:v0.33.0
    count: 8
    uuids: "{{ gpt_oss_gpu.devices | map(attribute='uuid') }}"
"""

RETURN = r"""
proof:
  description: What was seen; empty in check mode and when no container ran.
  type: dict
  returned: always
  contains:
    count:
      description: How many GPUs could be used.
      type: int
    driver_version:
      description: The version of the loaded driver.
      type: str
    cuda_version:
      description: The newest CUDA that the driver serves.
      type: str
    compute_capabilities:
      description: The compute capability of each GPU.
      type: list
      elements: str
    devices:
      description: Each GPU's C(index), C(uuid), C(name), C(compute_capability), C(memory_mib) and C(ok).
      type: list
      elements: dict
    image:
      description: The image.
      type: str
    gpu_access:
      description: How GPUs were asked for.
      type: str
    seconds:
      description: How long CUDA took.
      type: float
  sample:
    count: 1
    driver_version: 580.95.05
    cuda_version: "13.0"
    compute_capabilities: ["10.0"]
problems:
  description: What is wrong, each with C(name), C(cause), C(remedy) and C(docs), the page of this
    collection that tells more.
  type: list
  elements: dict
  returned: always
command:
  description: The command, without the script.
  type: list
  elements: str
  returned: always
ran:
  description: Whether a container was run. In check mode none is.
  type: bool
  returned: always
"""

import uuid
from pathlib import Path
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import Diagnosis
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import page_of, with_page
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_nodes import NodesError, with_gpu_nodes
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_proof import (
    diagnose_engine,
    docker_command,
    driver_version,
    judge,
    parse_report,
    proof_of,
    run_command,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parameters import gpu_ids

ARGUMENT_SPEC: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
    "gpus": {"type": "str", "default": "all"},
    "gpu_access": {
        "type": "str",
        "choices": ["device_requests", "cdi", "device_nodes"],
        "default": "device_requests",
    },
    "volumes": {"type": "list", "elements": "str", "default": []},
    "count": {"type": "int"},
    "uuids": {"type": "list", "elements": "str", "default": []},
    "python": {"type": "str", "default": "python3"},
    "timeout": {"type": "int", "default": 120},
    "docker_command": {"type": "str", "default": "docker"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def expected_count(params: dict[str, Any]) -> int:
    """Return how many GPUs must be usable; 0 for at least one."""
    return int(params["count"] or len(gpu_ids(params["gpus"])) or len(params["uuids"]))


def fail(module: AnsibleModule, problems: list[Diagnosis], **result: Any) -> None:
    """End with all causes and remedies."""
    params = module.params
    lines = "\n".join(f"- {with_page(f'{problem.cause}; {problem.remedy}', problem.name)}" for problem in problems)
    where = f"in a container of {params['image']} ({params['gpu_access']})"
    told = [
        {"name": problem.name, "cause": problem.cause, "remedy": problem.remedy, "docs": page_of(problem.name)}
        for problem in problems
    ]
    wanted = f"expected {expected_count(params) or 'at least one'} usable GPUs {where}, found:"
    module.fail_json(msg=f"{wanted}\n{lines}", problems=told, **result)


def execute(module: AnsibleModule, command: list[str]) -> tuple[int, str, str]:
    """Run a command as it is."""
    missing = f"expected the command {command[0]}, it is not there; install it, or set docker_command"
    if not module.get_bin_path(command[0]):
        module.fail_json(msg=missing, problems=[], proof={}, command=command[:1], ran=False)
    code, output, errors = module.run_command(
        command, environ_update={"LC_ALL": "C"}, expand_user_and_vars=False, errors="replace"
    )
    return int(code), str(output), str(errors)


def bring_image(module: AnsibleModule) -> Optional[Diagnosis]:
    """Have the image on the host; return why it is not."""
    params = module.params
    code, _output, errors = execute(module, docker_command(params, "image", "inspect", "--format=ok", params["image"]))
    if params["pull"] == "always" or (code and params["pull"] == "missing"):
        code, _output, errors = execute(module, docker_command(params, "pull", "--quiet", params["image"]))
    return diagnose_engine(errors, code, 0) if code else None


def try_gpus(module: AnsibleModule) -> tuple[Optional[dict[str, Any]], str, int]:
    """Run the container; return the report if there is one, what docker said, and its exit code."""
    name = f"gpt-oss-gpu-proof-{uuid.uuid4().hex[:12]}"
    code, output, errors = execute(module, run_command(module.params, name))
    report = parse_report(output)
    if report is None:
        # What was killed may have left its container behind.
        execute(module, docker_command(module.params, "rm", "--force", "--volumes", name))
    return report, errors.strip() or output.strip(), code


def loaded_driver() -> Optional[str]:
    """Return the version of the kernel's driver."""
    try:
        return driver_version(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8"))
    except OSError:
        return None


def with_nodes(module: AnsibleModule) -> None:
    """Give the container the device nodes of its GPUs where that is how it gets them."""
    try:
        module.params = with_gpu_nodes(module.params)
    except NodesError as exc:
        fail(module, [Diagnosis("no_device_nodes", *str(exc).rsplit("; ", 1))], proof={}, command=[], ran=False)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if not module.check_mode:
        with_nodes(module)
    command = run_command(params, "NAME")[:-2]
    if module.check_mode:
        module.exit_json(changed=False, proof={}, problems=[], command=command, ran=False)
    problem = bring_image(module)
    if problem is not None:
        fail(module, [problem], proof={}, command=command, ran=False)
    report, said, code = try_gpus(module)
    if report is None:
        problems = [diagnose_engine(said, code, params["timeout"])]
        fail(module, problems, proof={}, command=command, ran=False)
        return
    proof = proof_of(report, params, loaded_driver())
    problems = judge(report, expected_count(params), params["uuids"] if params["gpus"] == "all" else [])
    if problems:
        fail(module, problems, proof=proof, command=command, ran=True)
    module.exit_json(changed=False, proof=proof, problems=[], command=command, ran=True)


if __name__ == "__main__":
    main()
