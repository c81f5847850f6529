# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.fabric_wait: waits until all GPUs of a host are in the NVLink fabric."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_wait
short_description: Waits until all GPUs of a host are in the NVLink fabric
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - After its start the fabric manager brings one GPU after the other into the fabric. Until then CUDA fails with
    error 802, though C(nvidia-smi) looks well.
  - Waits until C(nvidia-smi -q -x) tells V(Completed) of each GPU. Ends at once when the fabric manager's unit is dead.
  - Changes nothing, and does not fail when the wait is in vain; O(timeout=0) looks once.
options:
  timeout:
    description: The seconds to wait at most.
    type: int
    default: 300
  unit:
    description: The fabric manager's unit.
    type: str
    default: nvidia-fabricmanager.service
attributes:
  check_mode:
    description: Waits in check mode too.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.gpu_info
"""

EXAMPLES = r"""
- name: Wait for the fabric
  gpt_oss.fleet.fabric_wait:
    timeout: 600
  register: waited
  failed_when: not waited.ready
"""

RETURN = r"""
ready:
  description: Whether each GPU came to an end. Whether it was a good one is told by C(status) in RV(fabric).
  type: bool
  returned: success
seconds:
  description: How long it took.
  type: float
  returned: success
unit:
  description: The state of the fabric manager's unit, V(unknown) without systemd.
  type: str
  returned: success
  sample: active
fabric:
  description: C(index), C(state), C(status) and C(health) of each GPU.
  type: list
  elements: dict
  returned: success
  sample: [{index: 0, state: Completed, status: Success, health: {}}]
log:
  description: Notable lines of the fabric manager's log, when the wait was in vain.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import ModuleCommands
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fabric import wait_for_fabric

ARGUMENT_SPEC: dict[str, Any] = {
    "timeout": {"type": "int", "default": 300},
    "unit": {"type": "str", "default": "nvidia-fabricmanager.service"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    found = wait_for_fabric(ModuleCommands(module), module.params["unit"], module.params["timeout"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
