# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.preflight_problems: judges what was found on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_problems
short_description: Judges what was found on a host
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Compares what M(gpt_oss.fleet.host_info) and M(gpt_oss.fleet.gpu_info) found with what a host needs that shall serve
    gpt-oss, and returns all problems at once.
  - GPUs and what belongs to them are judged only where they are expected, that is where O(gpus) is above 0, or where it
    is not given and a server asks for GPUs, or there is no server and the bus shows GPUs.
  - Asks nothing of the host. The role P(gpt_oss.fleet.preflight#role) tells what each problem means.
positional: _input
extends_documentation_fragment:
  - gpt_oss.fleet.facts
options:
  gpus:
    description:
      - How many GPUs the host must have; 0 for none.
      - As many as the bus shows or the servers need, at least one, when it is not given.
    type: int
  servers:
    description: The entries of C(vllm_servers), each with the defaults that the inventory gives to all.
    type: list
    elements: dict
    default: []
  server_problems:
    description: What P(gpt_oss.fleet.server_problems#filter) says of them.
    type: list
    elements: str
    default: []
  ansible_version:
    description: The controller's version of ansible-core.
    type: str
    default: ""
  ansible_minimum:
    description: The oldest version that is supported.
    type: str
    default: ""
  hf_home:
    description: The Hugging Face folder.
    type: str
    default: ""
  hf_free:
    description: The bytes that must be free for it.
    type: int
    default: 0
  docker_root:
    description: Where the engine will keep images, as long as there is none that says where it does.
    type: str
    default: /var/lib/docker
  docker_free:
    description: The bytes that must be free for images.
    type: int
    default: 0
  python:
    description: The Python that was asked for, to name it when it does not do.
    type: str
    default: ""
  accepted:
    description: The ids of problems that are known and borne. They are warnings.
    type: list
    elements: str
    default: []
  mended_by:
    description: The roles that run later and mend what they can. What they mend does not fail.
    type: list
    elements: str
    default: []
  fail_on:
    description: Which problems fail a host. V(warning) means both warnings and errors.
    type: str
    choices: [error, warning, never]
    default: error
"""

EXAMPLES = r"""
- name: Judge a host with eight GPUs
  ansible.builtin.set_fact:
    verdict: "{{ gpt_oss_host | gpt_oss.fleet.preflight_problems(gpu=gpt_oss_gpu, gpus=8) }}"

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ verdict.problems | map(attribute='text') }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), errors first. Each has C(id), C(severity), C(subject), C(wanted), C(found), C(remedy), the role that
      mends it as C(mended_by), and all that in a sentence as C(text).
    - C(failing) and C(mended), those of them that fail the host, and those that a later role mends.
    - C(ok), whether none fails. C(table), the problems as lines to be shown. C(sentence), the host in one line.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight import problems
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Wanted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_table import sentence, table
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import FAIL_ON, verdict
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def preflight_problems(
    host: Mapping[str, Any],
    gpu: Mapping[str, Any],
    *,
    accepted: list[str] | None = None,
    mended_by: list[str] | None = None,
    fail_on: str = "error",
    gpus: Any = None,
    **wanted: Any,
) -> dict[str, Any]:
    """Return the verdict on a host."""
    if fail_on not in FAIL_ON:
        raise AnsibleFilterError(f"preflight_fail_on: wanted one of {', '.join(FAIL_ON)}, found {fail_on!r}")
    case = Case(host, gpu, Wanted(gpus=None if gpus in (None, "") else int(gpus), **wanted))
    found = verdict(problems(case, accepted or ()), fail_on, mended_by or ())
    return {**found, "table": table(found), "sentence": sentence(found, case.host, case.gpu)}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"preflight_problems": guarded("preflight_problems", preflight_problems)}
