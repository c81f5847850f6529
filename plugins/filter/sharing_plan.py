# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.sharing_plan: who brings a thing into the network, who shares it, and who fetches from whom."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sharing_plan
short_description: Plans how images and models travel from host to host
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Hosts that have a thing share it; where none has it, the first one that wants it brings it and then shares it. The
    others fetch it from them in turn.
  - Nothing is asked of a host. The roles P(gpt_oss.fleet.vllm#role) and P(gpt_oss.fleet.hf_cache#role) do what the
    plan says, for images and for models.
positional: _input, host, batch
options:
  _input:
    description:
      - The hosts that were looked at, each with C(host), C(wanted) and C(held) (lists of names), C(address), at which
        others reach it, and C(settings), which are handed to who shares there.
    type: list
    elements: dict
    required: true
  host:
    description: The host whose part is wanted.
    type: str
    required: true
  batch:
    description: The hosts that act together. Others may only share.
    type: list
    elements: str
    required: true
  sources:
    description: How many hosts share one thing.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: See what this host has to do
  ansible.builtin.debug:
    msg: "{{ states | gpt_oss.fleet.sharing_plan(inventory_hostname, ansible_play_batch, sources=2) }}"
"""

RETURN = r"""
_value:
  description:
    - C(pulls) are the things to bring, each with its C(name). C(shares) are those to share, each with the C(host) that
      does it, which is another one when it is not of this batch, and its C(settings). C(fetches) are those to fetch,
      each with the C(host) that has it, its C(address) and the C(runner) that knows its port and token; with all such
      C(sources), and with some C(others) that fetch it too, for those who exchange what they have.
    - C(number) counts the things of the batch, so that each can have a port of its own.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._sharing_plan import sharing_plan


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"sharing_plan": guarded("sharing_plan", sharing_plan)}
