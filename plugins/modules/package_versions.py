# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.package_versions: which versions of packages are installed and can be had."""

from __future__ import annotations

DOCUMENTATION = r"""
module: package_versions
short_description: Tells which versions of packages are installed and available
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Asks apt, or rpm and dnf, for several packages at once. Changes nothing.
  - Of apt it asks for what the lists on the host say, without a network; M(gpt_oss.fleet.package_repository) brings
    them. dnf reads an index again when it deems its copy too old.
options:
  names:
    description: The packages. Shell patterns, such as V(nvidia-driver-*), stand for all names that match.
    type: list
    elements: str
    required: true
  manager:
    description: The package manager; V(auto) takes the one of the distribution.
    type: str
    choices: [auto, apt, dnf]
    default: auto
  modules:
    description: The dnf modules whose streams are wanted too; by default those that are named like O(names).
    type: list
    elements: str
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Look which drivers there are
  gpt_oss.fleet.package_versions:
    names: [nvidia-open, "nvidia-driver-pinning-*", nvidia-fabricmanager]
    modules: [nvidia-driver]
  register: packages
"""

RETURN = r"""
versions:
  description:
    - For each name, and for each package that a pattern matches, the version C(installed) and the C(candidate), which
      would be installed now, null when there is none, and all versions C(available) from repositories, newest first.
    - Versions of rpm are written C([epoch:]version-release).
  type: dict
  returned: success
  sample:
    nvidia-open:
      installed: null
      candidate: 590.48.01-1
      available: [590.48.01-1, 580.95.05-1]
modules:
  description:
    - For each module that dnf knows its C(streams), the one C(enabled) and the one that is C(default), null for none.
    - Empty for apt, and where there are no modules.
  type: dict
  returned: success
  sample:
    nvidia-driver:
      streams: [latest-dkms, open-dkms, 580-open]
      enabled: 580-open
      default: latest-dkms
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _package_versions
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import in_english
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import APT, manager_of

ARGUMENT_SPEC: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"},
    "modules": {"type": "list", "elements": "str"},
}
OS_RELEASE = "/etc/os-release"


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params

    run = in_english(module)
    manager = params["manager"]
    if manager == "auto":
        manager = manager_of(Path(OS_RELEASE).read_text(encoding="utf-8"))
    if not manager:
        module.fail_json(msg=f"expected a system with apt or dnf, found neither named in {OS_RELEASE}; set manager")
    modules: _package_versions.Modules = {}
    try:
        if manager == APT:
            versions = _package_versions.apt_versions(params["names"], run)
        else:
            versions = _package_versions.dnf_versions(params["names"], run)
            asked = params["names"] if params["modules"] is None else params["modules"]
            modules = _package_versions.dnf_modules(asked, run) if asked else {}
    except _package_versions.QueryError as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(changed=False, versions=versions, modules=modules)


if __name__ == "__main__":
    main()
