# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.containerd_config: containerd's configuration with another root folder."""

from __future__ import annotations

DOCUMENTATION = r"""
name: containerd_config
short_description: Sets the root folder in containerd's configuration
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Sets the key C(root) in the text of C(/etc/containerd/config.toml). Everything else stays as it is.
positional: _input, root
options:
  _input:
    description: The text of the file; empty for a new one.
    type: str
    required: true
  root:
    description: The folder.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show containerd's configuration with its data elsewhere
  ansible.builtin.debug:
    msg: "{{ text | gpt_oss.fleet.containerd_config('/data/containerd') }}"
"""

RETURN = r"""
_value:
  description:
    - The text of the file.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._containerd_config import with_root
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def containerd_config(text: str, root: str) -> str:
    """Return the text with this root."""
    return with_root(text, root)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"containerd_config": guarded("containerd_config", containerd_config)}
