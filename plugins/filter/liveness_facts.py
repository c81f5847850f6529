# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.liveness_facts: the fact that holds how a host's servers are."""

from __future__ import annotations

DOCUMENTATION = r"""
name: liveness_facts
short_description: Builds the fact that holds how a host's servers are
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Lists what M(gpt_oss.fleet.vllm_liveness) returned for each server. A server that could not be looked at is there
    too, with the reason.
positional: _input
options:
  _input:
    description: The results of a loop of M(gpt_oss.fleet.vllm_liveness) over names of servers.
    type: list
    elements: dict
    required: true
  servers:
    description: The names of all servers of the host.
    type: list
    elements: str
    required: true
  interpreter:
    description: What M(ansible.builtin.stat) told of the Python that has the docker library.
    type: dict
    required: true
  python:
    description: The path of that Python.
    type: str
    required: true
  fail_on:
    description: The verdicts that are wrong.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Register what was seen
  ansible.builtin.set_fact:
    gpt_oss_liveness: >-
      {{ looks.results | gpt_oss.fleet.liveness_facts(servers=['gpt-oss-20b'], interpreter=python,
         python='/opt/gpt_oss/venv/bin/python', fail_on=['dead', 'stuck', 'unknown']) }}
"""

RETURN = r"""
_value:
  description:
    - For each server what M(gpt_oss.fleet.vllm_liveness) returned as C(liveness), and C(wrong), whether its verdict is
      one of O(fail_on). Where it could not be looked at, the verdict is C(unreachable) or C(unknown).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness import Judgement
from ansible_collections.gpt_oss.fleet.plugins.module_utils._liveness_result import blank
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded

_REACH = "reach the host again (its power, its network, ssh), and look again"


def liveness_facts(
    results: Sequence[Mapping[str, Any]],
    servers: Sequence[str],
    interpreter: Mapping[str, Any],
    python: str,
    fail_on: Sequence[str],
) -> list[dict[str, Any]]:
    """Return each server as it was seen, or why it was not."""
    by_name = {str(result["item"]): result for result in results}
    rows = [_row(str(name), by_name.get(str(name), {}), interpreter, python) for name in servers]
    return [{**row, "wrong": row["verdict"] in fail_on} for row in rows]


def _row(name: str, result: Mapping[str, Any], interpreter: Mapping[str, Any], python: str) -> dict[str, Any]:
    if result.get("liveness"):
        return dict(result["liveness"])
    return blank(name, "", _unseen(result, interpreter, python))


def _unseen(result: Mapping[str, Any], interpreter: Mapping[str, Any], python: str) -> Judgement:
    """Return why a server was not looked at."""
    for told in (interpreter, result):
        if told.get("unreachable"):
            return Judgement(
                "unreachable", f"the host cannot be reached: {told.get('msg') or 'no reason told'}", _REACH
            )
    if not (interpreter.get("stat") or {}).get("exists"):
        text = f"the host has no Python with the docker library at {python}, so nothing can be asked there"
        return Judgement("unknown", text, "run the role gpt_oss.fleet.hf_cache, which makes it, or set vllm_python")
    return Judgement("unknown", str(result.get("msg") or "the module told nothing"), "mend what the module says")


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"liveness_facts": guarded("liveness_facts", liveness_facts)}
