#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: vllm_kernels - what the log of a server's last start proved of its kernels."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_kernels
short_description: Tell what the log of servers' last starts proved of their kernels
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - M(gpt_oss.fleet.vllm_container) reads the log of each start for the kernels that the recipe asked for, and keeps
    what it found. This returns it, for servers that still run from that very start.
  - Changes nothing.
extends_documentation_fragment:
  - gpt_oss.fleet.engine
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  servers:
    description: The names of the servers' containers.
    type: list
    elements: str
    required: true
  state_path:
    description: The folder in which M(gpt_oss.fleet.vllm_container) keeps what it knows of servers.
    type: path
    default: /var/lib/gpt_oss/servers
seealso:
  - module: gpt_oss.fleet.vllm_container
"""

EXAMPLES = r"""
- name: Look which kernels run
  gpt_oss.fleet.vllm_kernels:
    servers: [gpt-oss-20b]
"""

RETURN = r"""
kernels:
  description:
    - For each C(server) the C(state) - V(proven), V(contradicted), V(not_applicable), or V(unknown) where nothing is
      kept of the start that it runs from - the C(sentence), and what to do, C(remedy).
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import DOCKER_IMPORT_ERROR, EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_proof import UNKNOWN, Proof
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_state import start_of

ARGUMENT_SPEC: dict[str, Any] = {
    "servers": {"type": "list", "elements": "str", "required": True},
    "state_path": {"type": "path", "default": "/var/lib/gpt_oss/servers"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def row_of(server: str, kept: dict[str, Any]) -> dict[str, str]:
    """Return what is told of one server; `kept` is what is kept of its start."""
    proof = Proof.of_dict(kept.get("kernel_proof") or {"state": UNKNOWN})
    deciding = [finding for finding in proof.findings if finding.state == proof.state]
    return {
        "server": server,
        "state": proof.state,
        "sentence": " ".join(finding.sentence for finding in deciding),
        "remedy": "; ".join(dict.fromkeys(finding.remedy for finding in deciding if finding.remedy)),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    rows = []
    try:
        engine = connect(params["docker_host"])
        for name in params["servers"]:
            container = engine.inspect(name)
            rows.append(row_of(name, start_of(params["state_path"], name, container) if container else {}))
    except EngineError as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(changed=False, kernels=rows)


if __name__ == "__main__":
    main()
