# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.served_models: the models that servers take from the Hugging Face cache, each once."""

from __future__ import annotations

DOCUMENTATION = r"""
name: served_models
short_description: Lists the models that servers take from the Hugging Face cache
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Lists each model and revision once. A model that is a folder is none of the cache's, and is left out.
positional: _input
options:
  _input:
    description: Descriptions of servers, as P(gpt_oss.fleet.resolve_servers#filter) returns them.
    type: list
    elements: dict
    required: true
  models:
    description: The fact C(gpt_oss_models), where it is there. It tells which commit of a model is served.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show what is served
  ansible.builtin.debug:
    msg: "{{ servers | gpt_oss.fleet.served_models(models=gpt_oss_models) }}"
"""

RETURN = r"""
_value:
  description:
    - For each model its C(repo_id), its C(revision), the names of its C(servers), and whether the fact says that it is
      C(verified).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._arguments import text_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def served_models(
    servers: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Return the models, in the order of the servers."""
    known = {model["repo_id"]: model for model in reversed(models)}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for server in servers:
        repo_id = str(server["model"])
        if repo_id.startswith(("/", ".", "~")) or repo_id.count("/") != 1:
            continue
        model = known.get(repo_id, {})
        asked = text_of([str(argument) for argument in server.get("arguments") or []], "--revision")
        revision = asked or model.get("commit") or "main"
        verified = bool(model.get("verified")) and revision == model.get("commit")
        row: dict[str, Any] = {"repo_id": repo_id, "revision": revision, "servers": [], "verified": verified}
        found.setdefault((repo_id, revision), row)["servers"].append(server["name"])
    return list(found.values())


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"served_models": guarded("served_models", served_models)}
