# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.smoke_facts: what the smoke tests of a host's servers found, a row for each server."""

from __future__ import annotations

DOCUMENTATION = r"""
name: smoke_facts
short_description: Turns the results of smoke tests into a fact
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Takes the registered results of M(gpt_oss.fleet.vllm_smoke), failed ones too, as facts are kept of no failed task.
positional: _input
options:
  _input:
    description: The results of a loop over the servers' names.
    type: list
    elements: dict
    required: true
  servers:
    description: The descriptions of these servers, as P(gpt_oss.fleet.resolve_servers#filter) returns them.
    type: list
    elements: dict
    required: true
  running:
    description: The fact C(gpt_oss_servers), where it is there.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Register what was found
  ansible.builtin.set_fact:
    gpt_oss_smoke: "{{ smoke.results | gpt_oss.fleet.smoke_facts(servers=servers, running=gpt_oss_servers) }}"
"""

RETURN = r"""
_value:
  description:
    - For each server C(server), C(model), C(image), C(image_digest) (none where it is not known), C(ok), C(problem)
      (empty where all was well) and what M(gpt_oss.fleet.vllm_smoke) returns of checks, tokens, version and seconds.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded

_RETURNED: Mapping[str, Any] = {
    "checks": [],
    "usage": {},
    "reasoning_tokens": {},
    "seconds": 0.0,
    "vllm_version": None,
    "simulated": False,
}


def smoke_facts(
    results: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    running: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return one row for each result."""
    descriptions = {server["name"]: server for server in servers}
    digests = {server["name"]: server.get("image_digest") for server in running}
    return [_fact(result, descriptions[result["item"]], digests.get(result["item"])) for result in results]


def _fact(result: Mapping[str, Any], description: Mapping[str, Any], digest: str | None) -> dict[str, Any]:
    returned = {name: result.get(name, default) for name, default in _RETURNED.items()}
    ok = bool(returned["checks"]) and all(check["ok"] for check in returned["checks"])
    return {
        "server": str(result["item"]),
        "model": description["served_model_name"],
        "image": description["image"],
        "image_digest": digest,
        "ok": ok,
        "problem": "" if ok else str(result.get("msg") or "the module told nothing"),
        **returned,
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"smoke_facts": guarded("smoke_facts", smoke_facts)}
