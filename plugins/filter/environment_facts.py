# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.environment_facts: the fact that holds the environments of a host's servers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: environment_facts
short_description: Builds the fact that holds the environments of a host's servers
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Sorts what M(gpt_oss.fleet.vllm_environment) returned for each server by the server's name. A server whose
    environment could not be collected is there too, with the reason.
positional: _input
options:
  _input:
    description: The results of a loop of M(gpt_oss.fleet.vllm_environment) over names of servers.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Register the environments
  ansible.builtin.set_fact:
    gpt_oss_environment: "{{ result.results | gpt_oss.fleet.environment_facts }}"
"""

RETURN = r"""
_value:
  description:
    - By the server's name, what M(gpt_oss.fleet.vllm_environment) returned as C(environment), with C(text), the report,
      C(problem), why there is none, and C(unreachable), whether that is because the host cannot be reached. Without a
      report there are C(name), C(collected) and these three.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def environment_facts(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return each server's environment by its name."""
    return {str(result["item"]): _fact(result) for result in results}


def _fact(result: Mapping[str, Any]) -> dict[str, Any]:
    if result.get("environment"):
        return {**result["environment"], "text": result["text"], "problem": "", "unreachable": False}
    said = str(result.get("msg") or "the module told nothing")
    unreachable = bool(result.get("unreachable"))
    problem = f"the host cannot be reached: {said}" if unreachable else said
    name = str(result["item"])
    return {"name": name, "collected": False, "text": "", "problem": problem, "unreachable": unreachable}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"environment_facts": guarded("environment_facts", environment_facts)}
