# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: privileges - what a server's container may do, as far as its recipe does not leave that to the engine.

vLLM asks for no capability. But root without DAC_OVERRIDE reads and writes only what the modes of files allow, and the
key, the caches and the models can be another user's on the host. Who is not root has no capability anyhow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _container_user as users

_PRIVILEGED_PORTS = 1024


def privileges(recipe: Mapping[str, Any], options: Mapping[str, Any], port: int) -> dict[str, Any]:
    """Return the options of vllm_container for it; `port` is where the server itself listens.

    An entry's own `drop_capabilities` comes without those that the recipe keeps.
    """
    own = "drop_capabilities" in options
    return {
        "drop_capabilities": options.get("drop_capabilities", recipe.get("drop_capabilities", [])),
        "add_capabilities": options.get("add_capabilities", [] if own else _kept(recipe, options, port)),
        "security_options": options.get("security_options", recipe.get("security_options", [])),
        "read_only": options.get("read_only", False),
        "tmpfs": options.get("tmpfs", []),
        "pids_limit": options.get("pids_limit", 0),
    }


def _kept(recipe: Mapping[str, Any], options: Mapping[str, Any], port: int) -> list[str]:
    if not recipe.get("drop_capabilities") or users.parse(options.get("user")):
        return []
    in_host_network = options.get("network_mode", "bridge") == "host"
    return ["DAC_OVERRIDE", *(["NET_BIND_SERVICE"] if in_host_network and port < _PRIVILEGED_PORTS else [])]
