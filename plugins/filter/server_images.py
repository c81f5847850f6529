# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter gpt_oss.fleet.server_images: the images that the entries of vllm_servers run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_images
short_description: Lists the images that the entries of C(vllm_servers) run
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - The images are known before any version of vLLM is, so that the version can be read from them.
positional: _input
extends_documentation_fragment:
  - gpt_oss.fleet.servers
"""

EXAMPLES = r"""
- name: Show the images
  ansible.builtin.debug:
    msg: "{{ vllm_servers | gpt_oss.fleet.server_images(recipes=vllm_recipes, models=vllm_models) }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each image, with C(image), the reference, and C(pull), how the first entry that runs it asks
      for it.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import images
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._shapes import guarded


def server_images(servers: Any, defaults: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return each image once."""
    catalogue, _site = catalogue_and_site(**options)
    return images(servers, catalogue, defaults)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"server_images": guarded("server_images", server_images)}
