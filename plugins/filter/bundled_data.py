# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.bundled_data: the data files of evals that a bundle brings in place of their addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bundled_data
short_description: Lists the data files of evals that a bundle brings
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - A bundle brings the files of those tasks whose files all have addresses, by the names that these end with. A task
    with a file of the controller's own is left out.
positional: _input
options:
  _input:
    description: For each task its files, as O(gpt_oss.fleet.eval_data#module:data) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what comes from the bundle
  ansible.builtin.debug:
    msg: "{{ evaluate_data | gpt_oss.fleet.bundled_data }}"
"""

RETURN = r"""
_value:
  description: For each such task the names of its files, in order.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded

_ADDRESSES = ("http://", "https://")


def bundled_data(data: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """Return the names by task."""
    firsts = {task: [_first(file) for file in files] for task, files in data.items()}
    return {
        task: [urlsplit(place).path.rpartition("/")[2] for place in places]
        for task, places in firsts.items()
        if all(place.startswith(_ADDRESSES) for place in places)
    }


def _first(file: Any) -> str:
    """Return the first of the places of a file, after which it is named."""
    return str(file if isinstance(file, str) else file[0])


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"bundled_data": guarded("bundled_data", bundled_data)}
